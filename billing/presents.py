"""Gift subscriptions: bought by anybody as one payment, redeemed once by whoever has the code (see `redeeming`).

(The paywall's gifts are articles; these are months.) A gift begins when it is redeemed, needs no card of its
recipient, and ends by itself. Whether it was paid, given back or contested is learnt by looking at Stripe.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from accounts.models import User
from billing import alerts, calls, disputes, gift_codes, letters, links, months, oneoff, withdrawal
from billing.errors import PresentRefused, StripeGone, StripeRefused, StripeTrouble
from billing.gateway import Gateway
from billing.models import Present
from billing.snapshots import Access, CheckoutSnapshot, PaymentSnapshot
from billing.waiting import Patience
from paywall import entitlements
from paywall.decision.facts import Grant

PURPOSE = "present"
_KEPT_UNPAID = timedelta(days=7)
_REFUNDED = "Refunded at Stripe."


@dataclass(frozen=True, slots=True)
class Wish:
    """What a giver asks for. `attempt` is the form's own random name: the same form sent twice is one gift."""

    attempt: str
    price: str
    giver_email: str
    giver_name: str = ""
    recipient_email: str = ""
    message: str = ""
    send_on: date | None = None

    @property
    def digest(self) -> str:
        """One word for all of it."""
        told = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


def buy(wish: Wish, *, giver: User | None, gateway: Gateway, now: datetime) -> str:
    """Return the address of Stripe's page on which the gift is paid. The same wish leads to the same page.

    :raises PresentRefused: there is no such gift on sale, or this one has been paid, or its page was closed.
    :raises StripeTrouble: Stripe did not answer in time; the same click may be repeated.
    """
    present = _ordered(wish, giver=giver, now=now)
    patience = Patience(settings.CHECKOUT_SECONDS_TO_WAIT)
    while True:
        try:
            session = _session(present, gateway=gateway)
        except StripeTrouble:
            if not patience.wait():
                raise
            continue
        if session.status != "open" or session.url is None:
            raise PresentRefused(
                _("This gift has been paid already, or its page was closed. Begin again for another.")
            )
        return session.url


def look(present: Present, *, gateway: Gateway, now: datetime) -> Present:
    """Learn from Stripe whether a gift was paid or given back; return it as it is then. Repeating it changes nothing.

    :raises StripeTrouble: Stripe did not answer.
    """
    session = gateway.checkout(present.session_id)
    with transaction.atomic():
        current = Present.objects.select_for_update(of=("self",)).get(pk=present.pk)
        current.looked_at = now
        if session.payment is not None:
            _learn(current, session.payment, now=now)
            disputes.write_of_gift(session.payment.disputes, present=current)
        _tell(current, now=now)
        current.save()
        alerts.restate_of_gift(current, now=now)
        restate(current, now=now)
    return current


def refund(present: Present, *, reason: str, gateway: Gateway, now: datetime) -> Present:
    """Void a gift that nobody has redeemed, and give the money back. Repeating it changes nothing.

    It is void first: from then on nobody redeems it, however long Stripe takes.

    :raises PresentRefused: nobody has paid it, somebody has redeemed it, a bank has its money, or nobody said why.
    :raises StripeTrouble: Stripe did not answer; it is void, and the sweep asks again.
    """
    why = " ".join(reason.split())
    if not why:
        raise PresentRefused(_("Please say why."))
    waiting = Present.objects.filter(pk=present.pk, paid_at__isnull=False, redeemed_at=None)
    if waiting.exclude(dispute="").exists():
        raise PresentRefused(disputes.refusal())
    waiting.filter(voided_at=None, dispute="").update(voided_at=now, void_reason=why[:1000])
    current = waiting.exclude(voided_at=None).first()
    if current is None:
        raise PresentRefused(_("Only a gift that is paid and not redeemed can be given back."))
    return give_back(current, gateway=gateway, now=now)


def give_back(present: Present, *, gateway: Gateway, now: datetime) -> Present:
    """Ask Stripe for the refund of a void gift, and look what became of it.

    :raises StripeTrouble: Stripe did not answer.
    """
    if not present.is_refunded:
        calls.recorded(
            purpose="refund",
            subject=present.payment_id,
            call=lambda key: gateway.refund_payment(payment=present.payment_id, key=key),
            now=now,
        )
    return look(present, gateway=gateway, now=now)


def paid_by(payment: str) -> QuerySet[Present]:
    """Return the gift that was paid by a charge or a payment of that id, if it is one."""
    return (
        Present.objects.filter(Q(charge_id=payment) | Q(payment_id=payment))
        if payment
        else Present.objects.none()
    )


def hear(*, object_id: str, is_session: bool, gateway: Gateway, now: datetime) -> bool:
    """Look at the gift that an event is about, by the id of a session or a charge; False where there is none.

    A paid gift that we do not know (a backup was brought back) is made again from what its payment bears.

    :raises StripeTrouble: Stripe did not answer.
    """
    if not object_id:
        return False
    named = Present.objects.filter(session_id=object_id) if is_session else paid_by(object_id)
    present = named.first()
    try:
        if present is None and is_session:
            present = _made_again(gateway.checkout(object_id), now=now)
    except StripeGone:
        return False
    if present is None:
        return False
    look(present, gateway=gateway, now=now)
    return True


def send(present: Present, *, now: datetime) -> None:
    """Tell the recipient, once."""
    with transaction.atomic():
        due = Present.objects.to_send(at=now).filter(pk=present.pk)
        if due.update(told_at=now):
            letters.to_address(
                present.recipient_email,
                kind="present_for_you",
                about=str(present.pk),
                now=now,
                language=present.language,
                **words(present),
            )


def code_of(present: Present) -> str:
    """Return the code as it is printed; "" where it is not paid, or can no longer be shown."""
    return gift_codes.known_by(present.key, digest=present.code_digest) if present.code_digest else ""


def forget(reader: User) -> None:
    """Keep nothing that says who a closed account was; what they gave away stays good."""
    given = Present.objects.filter(giver=reader)
    given.update(giver=None, giver_email="", giver_name="", message="")
    given_to = Present.objects.filter(redeemed_by=reader)
    given_to.update(recipient_email="")


def forget_unpaid(*, now: datetime) -> None:
    """Keep no addresses of those who ordered and never paid."""
    Present.objects.filter(paid_at=None, payment_id="", made_at__lte=now - _KEPT_UNPAID).delete()


def _ordered(wish: Wish, *, giver: User | None, now: datetime) -> Present:
    known = Present.objects.filter(wish=wish.digest).first()
    if known is not None:
        return known
    price = oneoff.find_present(wish.price)
    if price is None:
        raise PresentRefused(_("This gift is not on sale."))
    try:
        with transaction.atomic():
            return Present.objects.create(
                key=gift_codes.new_name(),
                wish=wish.digest,
                price=price,
                products=list(price.plan.unlocks),
                months=price.gift_months,
                amount=price.unit_amount or 0,
                currency=price.currency,
                giver=giver,
                giver_email=wish.giver_email,
                giver_name=wish.giver_name,
                recipient_email=wish.recipient_email,
                message=wish.message,
                send_on=wish.send_on,
                language=get_language() or "",
                made_at=now,
            )
    except IntegrityError:  # the other of two clicks was first
        return Present.objects.get(wish=wish.digest)


def _session(present: Present, *, gateway: Gateway) -> CheckoutSnapshot:
    if present.session_id:
        return gateway.checkout(present.session_id)
    if present.price is None:
        raise PresentRefused(_("This gift is not on sale."))
    try:
        session = gateway.start_payment(
            price=present.price.stripe_id,
            promise=_promise(present),
            email=present.giver_email,
            return_url=links.present(present.key),
            cancel_url=links.give(),
            # Parallel clicks, and those after a timeout, are answered with one page.
            key=f"present-{present.key}",
        )
    except StripeTrouble as trouble:
        if trouble.answered:
            _rename(present)
        raise
    except StripeRefused:
        _rename(present)
        raise
    Present.objects.filter(pk=present.pk, key=present.key, session_id="").update(session_id=session.id)
    present.refresh_from_db()
    if present.session_id != session.id:
        # Another click was answered with a failure, and the gift has another name since: this page must not be paid.
        gateway.expire_checkout(session.id, key=f"expire-{session.id}")
        raise StripeTrouble(_("Checkout could not be opened in time. Please try again."))
    return session


def _rename(present: Present) -> None:
    """Give a gift another name, which nobody knows yet: under the old one Stripe keeps its failure for a day."""
    unpaged = Present.objects.filter(pk=present.pk, key=present.key, session_id="")
    unpaged.update(key=gift_codes.new_name())
    present.refresh_from_db()


def _promise(present: Present) -> dict[str, str]:
    return {
        "purpose": PURPOSE,
        "present": present.key,
        "unlocks": ",".join(present.products),
        "gift_months": str(present.months),
    }


def _made_again(session: CheckoutSnapshot, *, now: datetime) -> Present | None:
    payment = session.payment
    if payment is None or payment.purpose != PURPOSE or not (payment.present and payment.gift_months):
        return None
    present, _created = Present.objects.get_or_create(
        key=payment.present,
        defaults={
            "wish": hashlib.sha256(session.id.encode()).hexdigest(),
            "products": list(payment.unlocks),
            "months": payment.gift_months,
            "amount": payment.amount,
            "currency": payment.currency,
            "giver_email": session.email,
            "session_id": session.id,
            "made_at": payment.paid_at or now,
        },
    )
    return present


def _learn(present: Present, theirs: PaymentSnapshot, *, now: datetime) -> None:
    """Take over what the payment says."""
    present.payment_id, present.charge_id = theirs.id, theirs.charge or ""
    if theirs.status == "succeeded" and theirs.paid_at is not None and present.paid_at is None:
        present.paid_at, present.amount = theirs.paid_at, theirs.amount  # with the taxes on top
        present.code_digest = gift_codes.digest_of(gift_codes.of(present.key))
        present.expires_at = _end_of_validity(theirs.paid_at)
    present.is_refunded = theirs.refunded
    present.dispute = disputes.standing(theirs) or ""
    policy = Access(settings.ACCESS_AFTER_REFUND)
    present.withdrawn_because = withdrawal.of_payment(theirs, policy=policy) or ""
    if theirs.redeemed_at is not None and present.redeemed_at is None and present.voided_at is None:
        _take_over(present, theirs, now=now)
    if theirs.refunded and present.redeemed_at is None and present.voided_at is None:
        present.voided_at, present.void_reason = now, _REFUNDED


def _take_over(present: Present, theirs: PaymentSnapshot, *, now: datetime) -> None:
    """Believe Stripe's note of a redemption that we know nothing of: a backup was brought back."""
    starts_at = theirs.begins_at or theirs.redeemed_at
    if starts_at is None or present.paid_at is None:
        return
    present.redeemed_by = User.objects.filter(public_id=theirs.redeemed_by, is_active=True).first()
    present.redeemed_at, present.noted_at = theirs.redeemed_at, now
    present.starts_at, present.ends_at = starts_at, months.later(starts_at, present.months)


def _end_of_validity(paid_at: datetime) -> datetime | None:
    years = settings.GIFT_CODE_YEARS
    return datetime(paid_at.year + years + 1, 1, 1, tzinfo=UTC) if years else None


def restate(present: Present, *, now: datetime) -> None:
    """State what a gift gives to whoever redeemed it. Doing so again changes nothing."""
    if present.redeemed_by is None or present.starts_at is None:
        return
    known = entitlements.product_names()
    grants = tuple(
        Grant(product=product, source=present.source, starts_at=present.starts_at, ends_at=present.ends_at)
        for product in present.products
        if product in known and not present.withdrawn_because
    )
    entitlements.replace(present.redeemed_by, source=present.source, grants=grants, now=now)


def _tell(present: Present, *, now: datetime) -> None:
    """Tell the giver, once, as long as it can be redeemed; take back what neither of the two was told yet otherwise."""
    if present.voided_at is not None or (present.dispute and present.redeemed_at is None):
        letters.withdraw("present_bought", about=str(present.pk))
        if letters.withdraw("present_for_you", about=str(present.pk)):
            present.told_at = None  # they are told after all where the bank gives the money back
    elif present.paid_at is not None and present.redeemed_at is None and present.giver_email:
        letters.to_address(
            present.giver_email,
            kind="present_bought",
            about=str(present.pk),
            now=now,
            language=present.language,
            reader=present.giver,
            button=gettext_lazy("The code of your gift"),
            button_url=links.present(present.key),
            **words(present),
        )


def words(present: Present) -> dict[str, Any]:
    """Return what every mail about a gift may say."""
    names = entitlements.product_names()
    return {
        "present": present,
        "code": code_of(present),
        "redeem_url": links.redeem(),
        "product_names": [names.get(product, product) for product in present.products],
    }
