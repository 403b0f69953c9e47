"""Start a subscription or buy a day pass; end a subscription, keep it after all.

Each ends in a sync: nothing here grants or takes away by itself.

A purchase is safe when repeated: one open attempt per reader, by constraint, and its key is the idempotency key at
Stripe, so parallel and double clicks, two tabs and a retry after a timeout all end in one session of one price.
"""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from billing import attempts, calls, catalogue, codes, links, offers, oneoff, outlook, passes, sync, waiting
from billing.errors import (
    AlreadySubscribed,
    BillingError,
    CurrencyLocked,
    NothingToDo,
    NotOnSale,
    PaymentWaiting,
    StripeGone,
    StripeRefused,
    StripeTrouble,
)
from billing.gateway import Gateway
from billing.models import CheckoutAttempt, Customer, OpenProduct, Price, Subscription
from billing.outlook import Outlook
from billing.snapshots import CheckoutSnapshot, Status
from billing.waiting import Patience

logger = logging.getLogger(__name__)

# Stripe keeps idempotency keys, and an unpaid session, for a day. After it a session that we never heard of is dead.
_SESSION_LIFE = timedelta(hours=24)
_UNPAID = (Status.PAST_DUE, Status.UNPAID)
_ACCOUNT_CLOSED = "This account was closed meanwhile."


@dataclass(frozen=True, slots=True)
class Why:
    """Why a reader leaves, if they like to say: one of Stripe's codes, and their own words."""

    feedback: str = ""
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Checkout:
    """The way to pay: Stripe's page, and our name for this attempt."""

    url: str
    attempt: str


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reader wants to buy: a price, with Stripe's id of a code that they typed, for so many people."""

    price: Price
    code: str = ""
    quantity: int = 1


class Arrival(StrEnum):
    """How a reader comes back from Stripe."""

    DONE = "done"  # paid, and known here: what they bought is theirs
    CONFIRMING = "confirming"  # paid, or about to be; ask again in a moment
    UNPAID = "unpaid"  # they turned back, or took too long


def start(
    reader: User,
    *,
    price: str,
    return_url: str,
    code: str = "",
    quantity: int = 1,
    gateway: Gateway,
    now: datetime,
) -> Checkout:
    """Open Checkout for the price of that name, or return the one already open for it.

    An open session for another price, or another quantity, is closed first. Anyone may call this in parallel and again;
    there is never more than one session that can be paid. `code` is one that the reader typed.

    :raises NotOnSale: the catalogue does not offer that price, not in that quantity, or not in the reader's currency.
    :raises CodeRefused: the code gives nothing, or nothing off this price.
    :raises AlreadySubscribed: an open subscription already gives what it unlocks.
    :raises PaymentWaiting: a failed payment of this reader waits for a card, or for the bank's confirmation.
    :raises CurrencyLocked: Stripe charges this reader in another currency.
    :raises PassRunning: a day pass was asked for, and one of theirs opens the same.
    :raises StripeTrouble: Stripe did not answer in time; the same click may be repeated.
    """
    wanted = _on_sale(price, reader=reader, quantity=quantity)
    typed = _code_id(code, wanted, reader=reader, gateway=gateway, now=now)
    wish = Wish(wanted, code=typed, quantity=quantity)
    patience = Patience(settings.CHECKOUT_SECONDS_TO_WAIT)
    while True:
        refuse_second_purchase(reader, wanted, return_url=return_url, now=now)
        attempt = _open_attempt(reader, wish, return_url=return_url, now=now)
        try:
            if attempts.is_agreement(attempt) and attempts.give_way(attempt, gateway=gateway, now=now):
                continue
            session = _session(attempt, gateway=gateway, now=now)
            if session is not None:
                if session.url and _is_wanted(attempt, session, wish):
                    return Checkout(url=session.url, attempt=attempt.key)
                _close(attempt, session, gateway=gateway, now=now)
                continue
        except StripeTrouble:
            if not patience.wait():
                raise
            continue
        except StripeRefused:
            _learn_why(reader, wanted, gateway=gateway, now=now)
            raise
        if not patience.wait():
            raise StripeTrouble(_("Checkout could not be opened in time. Please try again."))


def _on_sale(slug: str, *, reader: User, quantity: int = 1) -> Price:
    """Return what is on sale for the reader under that name: a day pass, or the price of a subscription.

    :raises NotOnSale: neither is.
    :raises CurrencyLocked: Stripe keeps them to another currency.
    """
    once = oneoff.find_pass(slug) if quantity == 1 else None
    return once or offers.find(slug, reader=reader, quantity=quantity)


def _code_id(code: str, price: Price, *, reader: User, gateway: Gateway, now: datetime) -> str:
    """Return Stripe's id of the code that a reader typed, if it is good for this price; "" where they typed none."""
    if not code.strip():
        return ""
    customer = customer_of(reader)
    found = codes.find(code, customer=customer.stripe_id if customer else "", gateway=gateway, now=now)
    offers.check_code(found, price, reader=reader)
    return found.id


def _learn_why(reader: User, price: Price, *, gateway: Gateway, now: datetime) -> None:
    """Look for what Stripe knew and we did not: another currency, a price or an offer that is no more.

    :raises NotOnSale: that was it.
    """
    customer = customer_of(reader)
    if customer is not None:
        waiting.for_sync(customer.pk, gateway=gateway, now=now)
    catalogue.refresh(gateway=gateway)
    known = _on_sale(price.slug, reader=reader)
    if known.pk != price.pk or known.intro != price.intro:
        raise NotOnSale(_("This offer has just changed. Please look again."))


def make_room(attempt: CheckoutAttempt, *, gateway: Gateway, now: datetime) -> None:
    """Close an open Checkout, so that its reader can buy in another way. A session found paid is learned of.

    Where a click is asking for its session just now, nothing is done yet: ask again.

    :raises StripeTrouble: Stripe did not answer.
    """
    session = _session(attempt, gateway=gateway, now=now)
    if session is not None:
        _close(attempt, session, gateway=gateway, now=now)


def attempt_of(reader: User, key: str) -> CheckoutAttempt | None:
    """Return the reader's own attempt of that name."""
    return CheckoutAttempt.objects.select_related("price__plan").filter(reader=reader, key=key).first()


def finish(attempt: CheckoutAttempt, *, session_id: str, gateway: Gateway, now: datetime) -> Arrival:
    """Say how a reader came back from `attempt`, after looking at Stripe. May be called again and again.

    Nothing is believed of the address they came back on: the session has to be the one that this attempt opened.

    :raises StripeTrouble: Stripe did not answer; ask again.
    """
    if attempt.state == CheckoutAttempt.State.DONE:
        return Arrival.DONE
    if not attempt.session_id or session_id != attempt.session_id:
        return Arrival.UNPAID
    session = gateway.checkout(attempt.session_id)
    if session.status != "complete":
        return Arrival.UNPAID
    return Arrival.DONE if _settle(attempt, session, gateway=gateway, now=now) else Arrival.CONFIRMING


def cancel(
    reader: User,
    *,
    subscription: str | None = None,
    why: Why | None = None,
    gateway: Gateway,
    now: datetime,
) -> None:
    """End a subscription with the period already paid, or at once where a payment failed.

    `subscription` is the outlook's id; without it the one that matters most is meant. Repeating it changes nothing.

    :raises NothingToDo: the reader has no such subscription, or it has ended.
    """
    row = own_open(reader, subscription, now=now)
    if row.status in _UNPAID:
        # This ends reading at once, so it must not rest on old news: the payment may have come in meanwhile.
        waiting.for_sync(row.customer_id, gateway=gateway, now=now)
        row.refresh_from_db()
    if row.status in _UNPAID:
        ask(
            row,
            "cancel_now",
            lambda key: gateway.cancel_now(subscription=row.stripe_id, key=key),
            gateway,
            now,
        )
        void_what_is_open(row, gateway=gateway, now=now)
    elif row.is_open and outlook.scheduled_end(row) is None:
        ask(
            row,
            "cancel",
            lambda key: gateway.cancel_at_period_end(subscription=row.stripe_id, key=key),
            gateway,
            now,
        )

    if why is not None and (why.feedback or why.comment):
        _explain(row, why, gateway=gateway, now=now)


def _explain(row: Subscription, why: Why, *, gateway: Gateway, now: datetime) -> None:
    """Note the reason, once cancelled: whatever becomes of this call, the cancellation stands."""
    digest = hashlib.sha256(f"{why.feedback}:{why.comment}".encode()).hexdigest()[:16]
    try:
        calls.recorded(
            purpose="explain",
            subject=f"{row.stripe_id}:{digest}",
            call=lambda key: gateway.explain_end(
                subscription=row.stripe_id, feedback=why.feedback, comment=why.comment, key=key
            ),
            now=now,
        )
    except BillingError as trouble:
        logger.warning("Why %s was cancelled could not be noted: %s", row.stripe_id, trouble)


def void_what_is_open(row: Subscription, *, gateway: Gateway, now: datetime) -> None:
    """Ask no more money for the period that a reader gave up: whoever comes back pays for a new one.

    Repeating it changes nothing.

    :raises StripeTrouble: Stripe did not answer.
    """

    def void(invoice: str) -> None:
        calls.recorded(
            purpose="void",
            subject=invoice,
            call=lambda key: gateway.void_invoice(invoice=invoice, key=key),
            now=now,
        )

    for invoice in row.invoices.filter(status="open"):
        void(invoice.stripe_id)
    waiting.for_sync(row.customer_id, gateway=gateway, now=now)


def resume(reader: User, *, subscription: str | None = None, gateway: Gateway, now: datetime) -> None:
    """Take back a scheduled end. Repeating it changes nothing.

    :raises NothingToDo: the reader has no such subscription, or it has already ended.
    """
    row = own_open(reader, subscription, now=now)
    if outlook.scheduled_end(row) is not None:
        ask(row, "resume", lambda key: gateway.keep(subscription=row.stripe_id, key=key), gateway, now)


def customer_of(reader: User) -> Customer | None:
    """Return the reader at Stripe, if they ever got that far."""
    theirs = Customer.objects.filter(reader=reader, livemode=settings.STRIPE_LIVEMODE, deleted_at=None)
    return theirs.filter(merged_into=None).first()


def ensure_customer(reader: User, *, gateway: Gateway, now: datetime) -> Customer:
    """Return the reader at Stripe, making them known there first if need be.

    A customer that was deleted at Stripe is followed by a new one; so the name of the call counts them.

    :raises PermissionDenied: the account was closed meanwhile.
    """
    known = customer_of(reader)
    if known is not None:
        return known
    subject = f"{reader.public_id}:{Customer.objects.filter(reader=reader).count()}"
    stripe_id = calls.outcome(purpose="customer", subject=subject) or calls.recorded(
        purpose="customer",
        subject=subject,
        call=lambda key: gateway.create_customer(email=reader.email, reader=reader.public_id, key=key),
        now=now,
    )
    try:
        with transaction.atomic():
            # Closing the account locks this row too: it finds this customer, or this finds it closed.
            current = User.objects.select_for_update(no_key=True).get(pk=reader.pk)
            customer, _created = Customer.objects.get_or_create(
                stripe_id=stripe_id,
                defaults={
                    "reader": current,
                    "livemode": settings.STRIPE_LIVEMODE,
                    "email": current.email if current.is_active else "",
                    "created_at": now,
                },
            )
            # A webhook may have brought the customer before this call brought its id.
            Customer.objects.filter(pk=customer.pk, reader=None).update(reader=current)
            if not current.is_active:  # whoever looks at it lets go of it
                sync.request([customer.pk], now=now)
    except IntegrityError:  # a parallel story made them known first
        return Customer.objects.get(
            reader=reader, livemode=settings.STRIPE_LIVEMODE, deleted_at=None, merged_into=None
        )
    if not current.is_active:
        raise PermissionDenied(_ACCOUNT_CLOSED)
    return customer


def refuse_second_purchase(reader: User, wanted: Price, *, return_url: str, now: datetime) -> None:
    """Let nobody buy what they have, nor anything while a payment waits.

    :raises SaleRefused: so it is; its remedies say what to do instead.
    """
    states = outlook.every(reader, now=now)
    refuse_while_unpaid(states, return_url=return_url)
    if OpenProduct.objects.filter(reader=reader, product__in=wanted.plan.unlocks).exists():
        resumable = any(state.can_resume and {*state.products} & {*wanted.plan.unlocks} for state in states)
        remedies = ({"kind": "resume", "url": links.account()},) if resumable else ()
        raise AlreadySubscribed(_("You already subscribe to this."), remedies=remedies)
    if wanted.lasts_hours:
        passes.refuse_second(reader, wanted, now=now)


def refuse_while_unpaid(states: Iterable[Outlook], *, return_url: str) -> None:
    """Send whoever owes a payment to the card, or to the bank's confirmation.

    :raises PaymentWaiting: one of these subscriptions waits for a payment.
    """
    for state in states:
        if state.confirm_url:
            remedy = {"kind": "confirm_payment", "url": links.confirm_payment()}
            raise PaymentWaiting(_("A payment waits for your confirmation."), remedies=(remedy,))
        if state.needs_card:
            remedy = {"kind": "fix_card", "url": links.card(return_url=return_url)}
            raise PaymentWaiting(_("A payment failed. Please fix the card first."), remedies=(remedy,))


def _open_attempt(reader: User, wish: Wish, *, return_url: str, now: datetime) -> CheckoutAttempt:
    """Return the reader's one open attempt, a new one for this price where there is none."""
    while True:
        attempt = CheckoutAttempt.objects.filter(reader=reader, state=CheckoutAttempt.State.OPEN).first()
        if attempt is None:
            try:
                return _new_attempt(reader, wish, return_url=return_url, now=now)
            except IntegrityError:
                continue  # a parallel click was first: share its attempt
        if not attempt.session_id and now - attempt.started_at > _SESSION_LIFE:
            _mark(attempt, CheckoutAttempt.State.CLOSED, now=now)
            continue
        if attempt.return_url != return_url:
            CheckoutAttempt.objects.filter(pk=attempt.pk).update(return_url=return_url)
        return attempt


def _new_attempt(reader: User, wish: Wish, *, return_url: str, now: datetime) -> CheckoutAttempt:
    if not User.objects.filter(pk=reader.pk, is_active=True).exists():
        raise PermissionDenied(_ACCOUNT_CLOSED)
    with transaction.atomic():
        return CheckoutAttempt.objects.create(
            reader=reader,
            price=wish.price,
            code=wish.code,
            quantity=wish.quantity,
            key=f"checkout-{secrets.token_hex(16)}",
            return_url=return_url,
            started_at=now,
        )


def _is_wanted(attempt: CheckoutAttempt, session: CheckoutSnapshot, wish: Wish) -> bool:
    """Tell whether paying in this session gives the reader, as Stripe knows them now, what they want now."""
    customer = customer_of(attempt.reader)
    return (
        (attempt.price_id, attempt.code, attempt.quantity) == (wish.price.pk, wish.code, wish.quantity)
        and session.status == "open"
        and customer is not None
        and session.customer == customer.stripe_id
    )


def _session(attempt: CheckoutAttempt, *, gateway: Gateway, now: datetime) -> CheckoutSnapshot | None:
    """Return the attempt's session as Stripe sees it now; None while a parallel click is asking for it.

    Also None where Stripe does not know the session: then the attempt is closed, and the next look starts another.
    """
    if attempt.session_id:
        try:
            return gateway.checkout(attempt.session_id)
        except StripeGone:
            _mark(attempt, CheckoutAttempt.State.CLOSED, now=now)
            return None
    if attempts.is_agreement(attempt) or not _claim(attempt, now=now):
        return None
    try:
        session = _open_session(attempt, gateway=gateway, now=now)
    except StripeTrouble as trouble:
        if trouble.answered:
            # Stripe keeps its failure under this key. A session that came of it has an address nobody was given.
            _mark(attempt, CheckoutAttempt.State.CLOSED, now=now)
        CheckoutAttempt.objects.filter(pk=attempt.pk).update(leased_until=None)
        raise
    except (StripeRefused, PermissionDenied):
        # Stripe keeps its answer under this key; another try needs another attempt. Nor does a closed account open.
        _mark(attempt, CheckoutAttempt.State.CLOSED, now=now)
        _explain_currency(attempt)
        raise
    still_open = CheckoutAttempt.objects.filter(
        pk=attempt.pk, state=CheckoutAttempt.State.OPEN, reader__is_active=True
    )
    if not still_open.update(session_id=session.id, leased_until=None):
        # While Stripe was slow somebody else closed this attempt, or the account: its session must not be paid.
        gateway.expire_checkout(session.id, key=f"expire-{attempt.key}")
        _mark(attempt, CheckoutAttempt.State.CLOSED, now=now)
        return None
    return session


def _claim(attempt: CheckoutAttempt, *, now: datetime) -> bool:
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    mine = CheckoutAttempt.objects.filter(
        free, pk=attempt.pk, state=CheckoutAttempt.State.OPEN, session_id=""
    )
    return mine.update(leased_until=now + CheckoutAttempt.LEASE) == 1


def _open_session(attempt: CheckoutAttempt, *, gateway: Gateway, now: datetime) -> CheckoutSnapshot:
    reader = attempt.reader
    customer = ensure_customer(reader, gateway=gateway, now=now)
    back = {
        "return_url": links.back_from_checkout(attempt=attempt.key),
        "cancel_url": links.back_to_plans(attempt=attempt.key),
    }
    try:
        if attempt.price.lasts_hours:
            return gateway.start_payment(
                customer=customer.stripe_id,
                price=attempt.price.stripe_id,
                promise=passes.promise(attempt.price, reader=reader),
                reader=reader.public_id,
                key=attempt.key,
                **back,
            )
        return gateway.start_checkout(
            customer=customer.stripe_id,
            price=attempt.price.stripe_id,
            reader=reader.public_id,
            **back,
            key=attempt.key,
            beginning=offers.beginning(reader, attempt.price, code=attempt.code),
            quantity=attempt.quantity,
            most=attempt.price.plan.most,
        )
    except StripeGone:
        waiting.for_sync(customer.pk, gateway=gateway, now=now)
        if customer_of(reader) is None:  # deleted at Stripe, which we now know: the next try makes a new one
            _mark(attempt, CheckoutAttempt.State.CLOSED, now=now)
            raise StripeTrouble(_("Checkout could not be opened. Please try again.")) from None
        raise


def _explain_currency(attempt: CheckoutAttempt) -> None:
    """Say so where a refusal came of currencies: Stripe charges one customer in one, and names no code for it.

    :raises CurrencyLocked: the reader is charged in another one.
    """
    customer = customer_of(attempt.reader)
    if customer is None or attempt.price.lasts_hours:  # what is paid once may be in any
        return
    charged = customer.subscriptions.exclude(status=Status.CANCELED).exclude(currency="")
    currency = customer.currency or charged.values_list("currency", flat=True).first()
    if currency and currency != attempt.price.currency:
        text = _(
            "You are charged in %(currency)s, which cannot be mixed. Please choose a price in %(currency)s."
        )
        raise CurrencyLocked(text % {"currency": currency.upper()})


def _close(attempt: CheckoutAttempt, session: CheckoutSnapshot, *, gateway: Gateway, now: datetime) -> None:
    """End an attempt that leads nowhere any more: paid, expired, or for another price than is wanted now."""
    if session.status == "open":
        session = gateway.expire_checkout(session.id, key=f"expire-{attempt.key}")
    if session.status != "complete":
        _mark(attempt, CheckoutAttempt.State.CLOSED, now=now)
    elif not _settle(attempt, session, gateway=gateway, now=now):
        raise StripeTrouble(_("Your last payment is still being confirmed. Please try again."))


def _settle(attempt: CheckoutAttempt, session: CheckoutSnapshot, *, gateway: Gateway, now: datetime) -> bool:
    """Learn what was bought, then close the attempt: in this order, so that no gap lets a second purchase in."""
    customer = Customer.objects.filter(reader=attempt.reader, stripe_id=session.customer).first()
    if customer is None or not waiting.for_sync(customer.pk, gateway=gateway, now=now):
        return False
    _mark(attempt, CheckoutAttempt.State.DONE, now=now)
    return True


def _mark(attempt: CheckoutAttempt, state: CheckoutAttempt.State, *, now: datetime) -> None:
    still_open = CheckoutAttempt.objects.filter(pk=attempt.pk, state=CheckoutAttempt.State.OPEN)
    still_open.update(state=state, leased_until=None, closed_at=now)


def own_open(reader: User, subscription: str | None, *, now: datetime) -> Subscription:
    """Return the reader's open subscription of that name; without a name the one that matters most.

    :raises NothingToDo: there is none.
    """
    states = [state for state in outlook.every(reader, now=now) if state.is_open]
    chosen = next((state for state in states if subscription in {None, state.id}), None)
    if chosen is None:
        raise NothingToDo(_("There is no such subscription."))
    return Subscription.objects.get(pk=chosen.id)


def ask(
    row: Subscription, purpose: str, call: Callable[[str], object], gateway: Gateway, now: datetime
) -> None:
    """Make one recorded change to a subscription, then look at what became of it."""
    try:
        calls.recorded(purpose=purpose, subject=row.stripe_id, call=call, now=now)
    finally:
        # Also after a refusal: Stripe says no to what has already happened, and then we did not know it.
        waiting.for_sync(row.customer_id, gateway=gateway, now=now)
