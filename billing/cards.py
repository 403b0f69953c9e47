"""Replace the card on file, everywhere it is charged, and pay with it what an older card could not.

`finish` is called by the page that the reader comes back to and by the worker that hears of the finished form; it
may run any number of times, also at once, and charges each open invoice at most once per form.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext as _

from accounts.models import User
from billing import calls, customers, links, waiting, words
from billing.errors import CardRefused, NothingToDo, StripeGone, StripeRefused, StripeTrouble
from billing.gateway import Gateway
from billing.models import Customer, Subscription
from billing.snapshots import (
    OVERDUE,
    CheckoutSnapshot,
    CustomerPicture,
    InvoiceSnapshot,
    SubscriptionSnapshot,
)

logger = logging.getLogger(__name__)

_DECLINED = "declined:"
_FIX = "fix"
_SESSION = re.compile(r"cs_[A-Za-z0-9_]{1,120}")


class Stored(StrEnum):
    """What came of a card form."""

    PAID = "paid"  # stored, and nothing is open any more
    CONFIRM = "confirm"  # stored, but the bank wants the reader to confirm the payment
    REFUSED = "refused"  # stored, but it could not pay what is open
    CONFIRMING = "confirming"  # stored and charged; the news is still on its way here
    UNFINISHED = "unfinished"  # the form was left
    REPLACED = "replaced"  # the form is an old one: another card has taken the place of its card since


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a card form, in the reader's words, and where they can go on."""

    state: Stored
    text: str = ""
    url: str = ""


def start_form(reader: User, *, return_url: str, gateway: Gateway, now: datetime) -> str:
    """Open a hosted card form and return its address.

    :raises NothingToDo: this reader has never bought anything, so there is no card to replace.
    :raises StripeTrouble: Stripe did not answer in time.
    """
    customer = _customer_of(reader)
    # A form that leads back elsewhere is another call: Stripe refuses a key that comes with other words.
    elsewhere = hashlib.sha256(return_url.encode()).hexdigest()[:16]
    return _form(
        f"{customer.stripe_id}:{elsewhere}",
        lambda key: gateway.start_card_form(
            customer=customer.stripe_id,
            currency=customer.currency or _currency(customer),
            reader=reader.public_id,
            return_url=links.back_from_card_form(return_url=return_url),
            cancel_url=links.account(),
            key=key,
        ),
        now=now,
    )


def start_fix_form(customer: Customer, *, reader: User, gateway: Gateway, now: datetime) -> str:
    """Open a hosted card form for somebody who is not signed in and came by a link that holds; return its address.

    :raises NothingToDo: this customer has never bought anything.
    :raises StripeTrouble: Stripe did not answer in time.
    """
    return _form(
        f"{customer.stripe_id}:{_FIX}",
        lambda key: gateway.start_card_form(
            customer=customer.stripe_id,
            currency=customer.currency or _currency(customer),
            reader=reader.public_id,
            return_url=links.back_from_fix_form(),
            cancel_url=links.fixed(),
            key=key,
            purpose=_FIX,
        ),
        now=now,
    )


def finish_fix(session_id: str, *, gateway: Gateway, now: datetime) -> Outcome:
    """Finish a form that was opened by `start_fix_form`, for whoever comes back from it.

    :raises StripeGone: there is no such form.
    :raises StripeTrouble: Stripe did not answer; calling again goes on where this call stopped.
    """
    if not _SESSION.fullmatch(session_id) or gateway.checkout(session_id).purpose != _FIX:
        raise StripeGone(_("There is no such card form."))
    return finish(session_id, gateway=gateway, now=now)


def _form(subject: str, call: Callable[[str], CheckoutSnapshot], *, now: datetime) -> str:
    session = calls.recorded(purpose="card_form", subject=subject, call=call, now=now)
    if session.url is None:
        raise StripeTrouble("The card form has no address.")
    return session.url


def finish(session_id: str, *, reader: User | None = None, gateway: Gateway, now: datetime) -> Outcome:
    """Make the card of a finished form the default everywhere and pay what is open with it; end in a sync.

    `reader` is whoever came back with this session's id: a session of somebody else is as unknown to them as one that
    never was. The worker, whom Stripe told, names nobody.

    :raises StripeGone: there is no such form (of this reader).
    :raises StripeTrouble: Stripe did not answer; calling again goes on where this call stopped.
    """
    session = gateway.checkout(session_id)
    customer = _owner(session, reader=reader)
    if session.status != "complete" or session.card is None:
        return Outcome(Stored.UNFINISHED)
    # Asked before the look: whoever stores the card during it (page and worker may meet) has not replaced it.
    was_stored = _is_stored(customer, session)
    picture = gateway.picture(customer.stripe_id)
    if session.card not in {card.id for card in picture.cards}:
        raise StripeGone(_("This card is no longer on file."))
    if _is_replaced(session, picture, was_stored=was_stored):
        return Outcome(Stored.REPLACED)
    live = tuple(theirs for theirs in picture.subscriptions if theirs.status.is_open)
    _make_default(customer, session, live, gateway=gateway, now=now)
    refused = [
        outcome
        for invoice in _open_invoices(picture)
        if (outcome := _pay(invoice, session, gateway=gateway, now=now)) is not None
    ]
    known = waiting.for_sync(customer.pk, gateway=gateway, now=now)
    if refused:
        return refused[0]
    return Outcome(Stored.PAID if known else Stored.CONFIRMING)


def _customer_of(reader: User) -> Customer:
    ours = customers.every(reader)
    # Of two that were merged, the one in trouble is meant.
    customer = ours.filter(subscriptions__status__in=OVERDUE).first() or ours.filter(merged_into=None).first()
    if customer is None:
        raise NothingToDo(_("There is no card on file to replace."))
    return customer


def _currency(customer: Customer) -> str:
    latest = Subscription.objects.filter(customer=customer).exclude(currency="").first()
    if latest is None:
        raise NothingToDo(_("There is no card on file to replace."))
    return latest.currency


def _owner(session: CheckoutSnapshot, *, reader: User | None) -> Customer:
    customer = Customer.objects.filter(stripe_id=session.customer or "", deleted_at=None).first()
    is_theirs = customer is not None and (reader is None or customer.reader_id == reader.pk)
    if customer is None or not is_theirs or session.mode != "setup":
        raise StripeGone(_("There is no such card form."))
    return customer


def _is_replaced(session: CheckoutSnapshot, picture: CustomerPicture, *, was_stored: bool) -> bool:
    """Tell whether another card was put in the place of this form's card since.

    Coming back to an old form, or hearing of it late, must neither bring back its card nor charge it.
    """
    default = picture.customer.default_card
    if default is None or default == session.card:
        return False
    if was_stored:
        return True
    # Also where our records of either form are lost: of two cards the later one is meant.
    stored_at = {card.id: card.created_at for card in picture.cards}
    return default in stored_at and stored_at[default] > stored_at[session.card or ""]


def _is_stored(customer: Customer, session: CheckoutSnapshot) -> bool:
    return calls.outcome(purpose="default_card", subject=f"{customer.stripe_id}:{session.id}") is not None


def _make_default(
    customer: Customer,
    session: CheckoutSnapshot,
    subscriptions: tuple[SubscriptionSnapshot, ...],
    *,
    gateway: Gateway,
    now: datetime,
) -> None:
    if _is_stored(customer, session):
        return
    calls.recorded(
        purpose="default_card",
        subject=f"{customer.stripe_id}:{session.id}",
        call=lambda key: gateway.use_card(
            customer=customer.stripe_id,
            card=session.card or "",
            subscriptions=tuple(one.id for one in subscriptions),
            key=key,
        ),
        now=now,
    )


def _open_invoices(picture: CustomerPicture) -> list[InvoiceSnapshot]:
    """Return what Stripe failed to charge for a subscription, the oldest first."""
    in_trouble = {theirs.id for theirs in picture.subscriptions if theirs.status in OVERDUE}
    waiting_for_money = [
        invoice
        for invoice in picture.invoices
        if invoice.status == "open" and invoice.automatic and invoice.subscription in in_trouble
    ]
    return sorted(waiting_for_money, key=lambda invoice: invoice.created_at)


def _pay(
    invoice: InvoiceSnapshot, session: CheckoutSnapshot, *, gateway: Gateway, now: datetime
) -> Outcome | None:
    """Pay one invoice, once per form; None when nothing is open on it any more."""
    card = session.card or ""
    subject = f"{invoice.id}:{card}:{session.id}"

    def call(key: str) -> str:
        try:
            return gateway.pay_invoice(invoice=invoice.id, card=card, key=key).id
        except CardRefused as refusal:
            # The card's no is an answer to this form, as good as its yes: asking again would charge it again.
            return f"{_DECLINED}{refusal.code}"

    answer = calls.outcome(purpose="pay", subject=subject)
    if answer is None:
        try:
            answer = calls.recorded(purpose="pay", subject=subject, call=call, now=now)
        except StripeRefused as refusal:
            # Not the card's no. It must not keep the other invoices from being paid, nor us from looking.
            logger.warning("Invoice %s could not be paid: %s", invoice.id, refusal)
            return Outcome(Stored.REFUSED, words.refusal("processing_error"), links.card())
    if not answer.startswith(_DECLINED):
        return None
    code = answer.removeprefix(_DECLINED)
    if code == words.AUTHENTICATION:
        return Outcome(Stored.CONFIRM, words.refusal(code), links.confirm_payment())
    return Outcome(Stored.REFUSED, words.refusal(code), links.card())
