"""Start a subscription or buy a day pass, at Checkout.

It ends in a sync: nothing here grants by itself.

A purchase is safe when repeated: one open attempt per reader, by constraint, and its key is the idempotency key at
Stripe, so parallel and double clicks, two tabs and a retry after a timeout all end in one session of one price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.utils.translation import gettext as _

from accounts.models import User
from billing import (
    attempts,
    calls,
    catalogue,
    codes,
    customers,
    links,
    obstacles,
    offers,
    oneoff,
    passes,
    waiting,
)
from billing.errors import CurrencyLocked, NotOnSale, StripeGone, StripeRefused, StripeTrouble
from billing.gateway import Gateway
from billing.models import CheckoutAttempt, Customer, Price
from billing.snapshots import CheckoutSnapshot, Status
from billing.waiting import Patience

# Stripe keeps idempotency keys, and an unpaid session, for a day. After it a session that we never heard of is dead.
_SESSION_LIFE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Checkout:
    """The way to pay: Stripe's page, our name for this attempt, and the products that it is for."""

    url: str
    attempt: str
    products: tuple[str, ...]


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
        obstacles.refuse_second_purchase(reader, wanted, return_url=return_url, now=now)
        attempt = _open_attempt(reader, wish, return_url=return_url, now=now)
        try:
            if attempts.is_agreement(attempt) and attempts.give_way(attempt, gateway=gateway, now=now):
                continue
            session = _session(attempt, gateway=gateway, now=now)
            if session is not None:
                if session.url and _is_wanted(attempt, session, wish):
                    return Checkout(session.url, attempt.key, products=tuple(wanted.plan.unlocks))
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
    customer = customers.of(reader)
    found = codes.find(code, customer=customer.stripe_id if customer else "", gateway=gateway, now=now)
    offers.check_code(found, price, reader=reader)
    return found.id


def _learn_why(reader: User, price: Price, *, gateway: Gateway, now: datetime) -> None:
    """Look for what Stripe knew and we did not: another currency, a price or an offer that is no more.

    :raises NotOnSale: that was it.
    """
    customer = customers.of(reader)
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


def expire(session: str, *, gateway: Gateway, now: datetime) -> CheckoutSnapshot:
    """Close a session at Stripe; it comes back `expired`, or `complete` if somebody was faster.

    :raises StripeTrouble: Stripe did not answer; ask again.
    """
    return calls.recorded(
        purpose="expire",
        subject=session,
        call=lambda key: gateway.expire_checkout(session, key=key),
        now=now,
    )


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


def _open_attempt(reader: User, wish: Wish, *, return_url: str, now: datetime) -> CheckoutAttempt:
    """Return the reader's one open attempt, a new one for this price where there is none."""
    while True:
        attempt = CheckoutAttempt.objects.filter(reader=reader, state=CheckoutAttempt.State.OPEN).first()
        if attempt is None:
            try:
                return attempts.begin(
                    reader,
                    price=wish.price,
                    code=wish.code,
                    quantity=wish.quantity,
                    return_url=return_url,
                    now=now,
                )
            except IntegrityError:
                continue  # a parallel click was first: share its attempt
        if not attempt.session_id and now - attempt.started_at > _SESSION_LIFE:
            attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
            continue
        if attempt.return_url != return_url:
            CheckoutAttempt.objects.filter(pk=attempt.pk).update(return_url=return_url)
        return attempt


def _is_wanted(attempt: CheckoutAttempt, session: CheckoutSnapshot, wish: Wish) -> bool:
    """Tell whether paying in this session gives the reader, as Stripe knows them now, what they want now."""
    customer = customers.of(attempt.reader)
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
            attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
            return None
    if attempts.is_agreement(attempt) or not attempts.claim(attempt, now=now):
        return None
    try:
        session = _open_session(attempt, gateway=gateway, now=now)
    except StripeTrouble as trouble:
        if trouble.answered:
            # Stripe keeps its failure under this key. A session that came of it has an address nobody was given.
            attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
        CheckoutAttempt.objects.filter(pk=attempt.pk).update(leased_until=None)
        raise
    except (StripeRefused, PermissionDenied):
        # Stripe keeps its answer under this key; another try needs another attempt. Nor does a closed account open.
        attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
        _explain_currency(attempt)
        raise
    still_open = CheckoutAttempt.objects.filter(
        pk=attempt.pk, state=CheckoutAttempt.State.OPEN, reader__is_active=True
    )
    if not still_open.update(session_id=session.id, leased_until=None):
        # While Stripe was slow somebody else closed this attempt, or the account: its session must not be paid.
        expire(session.id, gateway=gateway, now=now)
        attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
        return None
    return session


def _open_session(attempt: CheckoutAttempt, *, gateway: Gateway, now: datetime) -> CheckoutSnapshot:
    reader = attempt.reader
    customer = customers.ensure(reader, gateway=gateway, now=now)
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
        if customers.of(reader) is None:  # deleted at Stripe, which we now know: the next try makes a new one
            attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
            raise StripeTrouble(_("Checkout could not be opened. Please try again.")) from None
        raise


def _explain_currency(attempt: CheckoutAttempt) -> None:
    """Say so where a refusal came of currencies: Stripe charges one customer in one, and names no code for it.

    :raises CurrencyLocked: the reader is charged in another one.
    """
    customer = customers.of(attempt.reader)
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
        session = expire(session.id, gateway=gateway, now=now)
    if session.status != "complete":
        attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
    elif not _settle(attempt, session, gateway=gateway, now=now):
        raise StripeTrouble(_("Your last payment is still being confirmed. Please try again."))


def _settle(attempt: CheckoutAttempt, session: CheckoutSnapshot, *, gateway: Gateway, now: datetime) -> bool:
    """Learn what was bought, then close the attempt: in this order, so that no gap lets a second purchase in."""
    customer = Customer.objects.filter(reader=attempt.reader, stripe_id=session.customer).first()
    if customer is None or not waiting.for_sync(customer.pk, gateway=gateway, now=now):
        return False
    attempts.close(attempt, CheckoutAttempt.State.DONE, now=now)
    return True
