"""What happens next with a reader's subscription: the one projection that page, API, mails and staff share.

It reads the mirror only, so it answers while Stripe is down, and it can never disagree with itself between a mail and
the account page. Texts are in the active language.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from billing import card_faces, money, steps, words
from billing.advice import Advice
from billing.card_faces import CardFace
from billing.models import Invoice, Plan, Subscription, SubscriptionItem
from billing.snapshots import GOOD_STANDING, OWED, RUNNING, Status
from billing.steps import Step
from billing.withdrawal import Cause
from paywall import entitlements


@dataclass(frozen=True, slots=True)
class Charge:
    """What will be charged, and when."""

    at: datetime
    amount: int
    currency: str
    formatted: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a payment failed: for programs and for people."""

    code: str
    text: str
    advice: Advice


@dataclass(frozen=True, slots=True)
class Outlook:
    """A subscription, in its holder's words: how it stands, and what happens next."""

    id: str  # our name for it, the one that cancel and resume take
    status: str  # Stripe's word
    status_text: str
    plan_name: str
    product_names: tuple[str, ...]
    products: tuple[str, ...]
    price: str  # the price's name in the catalogue; "" where it is not sold under one
    price_text: str
    interval: str
    next_charge_at: datetime | None
    next_charge_amount: int | None
    next_charge_text: str
    currency: str
    retry_at: datetime | None
    access_ends_at: datetime | None
    cancel_scheduled: bool
    cancelled_at: datetime | None  # when its end was asked for
    paused: bool
    paused_until: datetime | None
    can_pause: bool
    in_grace: bool
    grace_until: datetime | None
    failure_code: str
    failure_text: str
    advice: Advice | None  # what helps against the failure
    step: Step
    step_text: str
    ended_unpaid: bool  # not by anybody's wish
    card: CardFace | None
    can_cancel: bool
    can_resume: bool
    can_change: bool
    needs_card: bool
    confirm_url: str
    withdrawn_at: datetime | None  # since then it opens nothing, because its money went back
    credit: int  # what the next invoices use up before a card is charged
    credit_text: str
    discount_text: str = ""  # what the subscription is let off, and until when
    ends_without_card: bool = False  # a trial with no card on file: it ends by itself unless one is stored
    keeps_price: bool = False  # a price that is no longer sold

    @property
    def next_charge(self) -> Charge | None:
        """The next charge as a whole; None where nothing will be charged."""
        if self.next_charge_at is None or self.next_charge_amount is None:
            return None
        return Charge(self.next_charge_at, self.next_charge_amount, self.currency, self.next_charge_text)

    @property
    def failure(self) -> Failure | None:
        """Why the last payment failed; None where none did."""
        if not self.failure_code or self.advice is None:
            return None
        return Failure(self.failure_code, self.failure_text, self.advice)

    @property
    def summary(self) -> str:
        """How it stands and what comes next, in a line."""
        parts = [self.status_text, self.failure_text]
        if self.next_charge_at is not None:
            parts.append(
                _("%(amount)s on %(date)s")
                % {"amount": self.next_charge_text, "date": words.day(self.next_charge_at)}
            )
        if self.grace_until is not None:
            parts.append(_("reads until %(date)s") % {"date": words.day(self.grace_until)})
        parts.append(self.step_text)
        return " · ".join(part for part in parts if part)

    @property
    def is_open(self) -> bool:
        """Whether Stripe may still charge for it."""
        return Status.of(self.status).is_open


def scheduled_end(row: Subscription) -> datetime | None:
    """Return when an open subscription will end by a wish already stated; None where it goes on, or has ended."""
    if not row.is_open:
        return None
    if row.cancel_at is not None:
        return row.cancel_at
    return row.period_ends_at if row.cancel_at_period_end else None


def of(reader: User, *, now: datetime) -> Outlook | None:
    """Return the outlook that matters most to `reader`; None for somebody who never subscribed."""
    return next(iter(every(reader, now=now)), None)


def every(reader: User, *, now: datetime) -> tuple[Outlook, ...]:
    """Return the outlook of each subscription: payments in trouble first, then the open ones, newest first.

    Ended ones are left out where something is open; else the last one to end stands alone.
    """
    rows = list(_readable().filter(customer__reader=reader).exclude(status=Status.INCOMPLETE_EXPIRED))
    rows.sort(key=lambda row: row.created_at, reverse=True)
    rows.sort(key=lambda row: 0 if row.status in OWED else 1)
    open_rows = [row for row in rows if row.is_open]
    names = entitlements.product_names() if rows else {}
    shown = open_rows or sorted(rows, key=_end, reverse=True)[:1]
    return tuple(_outlook(row, names=names, now=now) for row in shown)


def of_subscription(subscription: Subscription, *, now: datetime) -> Outlook:
    """Return the outlook of one subscription, for mails and staff."""
    row = _readable().get(pk=subscription.pk)
    return _outlook(row, names=entitlements.product_names(), now=now)


def _readable() -> QuerySet[Subscription]:
    return Subscription.objects.select_related("customer").prefetch_related("items__price__plan", "invoices")


def _outlook(row: Subscription, *, names: Mapping[str, str], now: datetime) -> Outlook:
    items = list(row.items.all())
    plans = _plans(items)
    products = tuple(dict.fromkeys(product for plan in plans for product in plan.unlocks))
    waiting = _waiting_invoice(row)
    needs_action = waiting is not None and waiting.needs_action
    card = _card(row)
    failure_code = steps.failure_code(waiting) if waiting else ""
    scheduled = scheduled_end(row)
    ends_without_card = _ends_without_card(row, card, ends_at=scheduled)
    charge_at = None if ends_without_card else _next_charge_at(row, ends_at=scheduled)
    amount = _next_amount(row, items) if charge_at else None
    step = steps.next_for(row, waiting=waiting, charge_at=charge_at, has_card=card is not None)
    grace_until = _grace_until(row)
    return Outlook(
        id=str(row.pk),
        status=row.status,
        status_text=_status_text(row, ends_at=scheduled, needs_action=needs_action),
        plan_name=", ".join(plan.name for plan in plans),
        products=products,
        product_names=tuple(names.get(product, product) for product in products),
        price=items[0].price.slug if items and items[0].price and items[0].price.active else "",
        price_text=_price_text(items),
        interval=items[0].interval if items else "",
        next_charge_at=charge_at,
        next_charge_amount=amount,
        next_charge_text=money.text(amount, currency=row.currency) if amount is not None else "",
        currency=row.currency,
        retry_at=steps.retry_at(waiting, has_card=card is not None),
        access_ends_at=row.trial_ends_at
        if ends_without_card
        else _access_ends_at(row, ends_at=scheduled, grace_until=grace_until),
        cancel_scheduled=scheduled is not None,
        cancelled_at=row.canceled_at if scheduled is not None or not row.is_open else None,
        paused=_is_paused(row),
        paused_until=row.pause_resumes_at if _is_paused(row) else None,
        can_pause=_can_pause(row, ends_at=scheduled) and len(items) == 1,
        in_grace=grace_until is not None and now < grace_until,
        grace_until=grace_until,
        failure_code=failure_code,
        failure_text=words.refusal(failure_code) if waiting else "",
        advice=steps.what_helps(waiting) if waiting else None,
        step=step,
        step_text=steps.text(step, waiting=waiting, charge_at=charge_at),
        ended_unpaid=_is_unpaid_end(row),
        card=card,
        can_cancel=row.is_open and scheduled is None,
        can_resume=(scheduled is not None or _is_paused(row)) and row.status in RUNNING | {Status.PAUSED},
        can_change=row.status in GOOD_STANDING
        and row.automatic
        and scheduled is None
        and not row.pause_behavior
        and len(items) == 1,
        needs_card=waiting is not None and not needs_action,
        confirm_url=_confirm_url(row, waiting),
        withdrawn_at=row.withdrawn_at,
        credit=_credit(row),
        credit_text=money.text(_credit(row), currency=row.currency) if _credit(row) else "",
        discount_text=_discount_text(row) if charge_at else "",
        ends_without_card=ends_without_card,
        keeps_price=row.is_open and any(item.price and not item.price.active for item in items),
    )


def is_skipped(row: Subscription) -> bool:
    """Tell whether the running period is one that nobody pays for, because of a pause: ours, or one of Stripe's own."""
    if row.status == Status.PAUSED:
        return True
    latest = next((one for one in row.invoices.all() if one.stripe_id == row.latest_invoice), None)
    return row.pause_behavior == "void" and latest is not None and latest.status in {"void", "draft"}


def _is_paused(row: Subscription) -> bool:
    return row.status == Status.PAUSED or (row.is_open and row.pause_behavior == "void")


def _can_pause(row: Subscription, *, ends_at: datetime | None) -> bool:
    is_running = row.status == Status.ACTIVE and row.automatic and ends_at is None
    return is_running and not row.pause_behavior and bool(settings.PAUSE_MOST)


def _plans(items: Iterable[SubscriptionItem]) -> tuple[Plan, ...]:
    return tuple(dict.fromkeys(item.price.plan for item in items if item.price is not None))


def _waiting_invoice(row: Subscription) -> Invoice | None:
    """Return the oldest invoice that Stripe tried to charge, or waits to, and that is not paid."""
    if row.status not in OWED:
        return None
    waiting = [invoice for invoice in row.invoices.all() if invoice.status == "open" and invoice.automatic]
    return min(waiting, key=lambda invoice: invoice.created_at, default=None)


def _confirm_url(row: Subscription, waiting: Invoice | None) -> str:
    """Return where the bank's confirmation is given: of what is owed, or of a change that waits to be made."""
    if waiting is None:
        changes = (invoice for invoice in row.invoices.all() if invoice.status == "open")
        waiting = next((invoice for invoice in changes if _pays_for_change(row, invoice)), None)
    return waiting.hosted_url if waiting is not None and waiting.needs_action else ""


def _pays_for_change(row: Subscription, invoice: Invoice) -> bool:
    return row.status in GOOD_STANDING and invoice.billing_reason == "subscription_update"


def _next_charge_at(row: Subscription, *, ends_at: datetime | None) -> datetime | None:
    if row.status not in GOOD_STANDING or row.pause_behavior:
        return None
    # Items may have periods of their own; the nearest end is the next charge.
    moment = min((item.period_ends_at for item in row.items.all()), default=None)
    if row.withdrawn_at is not None:  # whoever looks next ends it
        return None
    if moment is None or (ends_at is not None and ends_at <= moment):
        return None
    return moment


def _ends_without_card(row: Subscription, card: CardFace | None, *, ends_at: datetime | None) -> bool:
    """Tell whether a trial stops by itself for want of a card, unless it ends sooner."""
    return row.status == Status.TRIALING and bool(row.without_card) and card is None and ends_at is None


def _discount_text(row: Subscription) -> str:
    if not row.discount or row.discount_ends_at is None:
        return row.discount
    return _("%(discount)s, until %(date)s") % {
        "discount": row.discount,
        "date": words.day(row.discount_ends_at),
    }


def _next_amount(row: Subscription, items: Iterable[SubscriptionItem]) -> int:
    if row.next_amount is not None:
        return row.next_amount
    listed = sum((item.unit_amount or 0) * item.quantity for item in items)
    # Stripe's balance is negative where the reader has credit, which the next invoice uses up first.
    return max(0, listed + row.customer.balance)


def _credit(row: Subscription) -> int:
    return max(0, -row.customer.balance) if row.customer.currency in {"", row.currency} else 0


def _grace_until(row: Subscription) -> datetime | None:
    if row.status != Status.PAST_DUE or row.past_due_since is None:
        return None
    return row.past_due_since + settings.PAST_DUE_GRACE


def _access_ends_at(
    row: Subscription, *, ends_at: datetime | None, grace_until: datetime | None
) -> datetime | None:
    if not row.is_open:
        return row.withdrawn_at or row.ended_at or row.canceled_at
    if row.withdrawn_at is not None:
        return row.withdrawn_at
    paid_until = row.period_ends_at if _is_paused(row) and not is_skipped(row) else None
    return min((end for end in (ends_at, grace_until, paid_until) if end is not None), default=None)


def _is_unpaid_end(row: Subscription) -> bool:
    return row.status == Status.CANCELED and row.cancel_reason == "payment_failed"


def _end(row: Subscription) -> datetime:
    return row.ended_at or row.canceled_at or row.created_at


def _status_text(row: Subscription, *, ends_at: datetime | None, needs_action: bool) -> str:
    if row.status in OWED and needs_action:
        return _("Waiting for your confirmation")
    if row.status in OWED:
        return _("First payment not made") if row.status == Status.INCOMPLETE else _("Payment failed")
    if row.status == Status.PAUSED:
        return _("Paused")
    if row.withdrawn_at is not None:
        return _withdrawn_text(row, at=row.withdrawn_at)
    if row.status == Status.INCOMPLETE_EXPIRED:
        return _("Never paid for")
    if not row.is_open:
        ended = (
            _("Ended on %(date)s, as it was not paid for") if _is_unpaid_end(row) else _("Ended on %(date)s")
        )
        return ended % {"date": words.day(_end(row))}
    if ends_at is not None:
        return _("Ends on %(date)s") % {"date": words.day(ends_at)}
    if _is_paused(row):
        until = row.pause_resumes_at
        return _("Paused until %(date)s") % {"date": words.day(until)} if until else _("Paused")
    if row.status == Status.TRIALING and row.trial_ends_at is not None:
        return _("Trial until %(date)s") % {"date": words.day(row.trial_ends_at)}
    return _("Active") if row.status in GOOD_STANDING else _("We are looking into it")


def _withdrawn_text(row: Subscription, *, at: datetime) -> str:
    if row.withdrawn_because == Cause.DISPUTED:
        return _("Ended on %(date)s, because the payment was contested") % {"date": words.day(at)}
    return _("Ended on %(date)s, because the payment was given back") % {"date": words.day(at)}


def _price_text(items: list[SubscriptionItem]) -> str:
    if not items:
        return ""
    first = items[0]
    total = sum((item.unit_amount or 0) * item.quantity for item in items)
    return words.price(total, currency=first.currency, interval=first.interval, count=first.interval_count)


def _card(row: Subscription) -> CardFace | None:
    card = card_faces.charged_for(row)
    return card_faces.of(card) if card is not None else None
