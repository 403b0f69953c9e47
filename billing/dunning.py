"""What readers are told about their subscription by mail, and when: never twice, never late, never after it is over.

`tell` is called in the transaction that made a state true, so mail and state are one. What is due follows from the
mirror alone; the outbox keeps one mail per key for ever, so calling again tells nothing again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Q, QuerySet

from accounts import emails
from accounts.models import Mail, User
from billing import card_faces, fixing, letters, links, money, months, outlook
from billing.models import Customer, Invoice, PaymentMethod, Subscription
from billing.snapshots import GOOD_STANDING, Status
from billing.steps import Step

# After an outage, or for accounts taken over from elsewhere: what happened longer ago is no news.
_NEWS = timedelta(days=3)
_CARD_WARNING = timedelta(days=20)
_RENEWAL_WARNING = timedelta(days=14)
_NO_CARD_WARNING = timedelta(days=7)
# The mail about a failure names the end of the grace period too: so long after it nobody needs another.
_TOLD_JUST_NOW = timedelta(days=1)


class Kind(StrEnum):
    """What a mail tells; also the name of its templates."""

    WELCOME = "welcome"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_ACTION_REQUIRED = "payment_action_required"
    PAYMENT_RECOVERED = "payment_recovered"
    CANCEL_SCHEDULED = "cancel_scheduled"
    SUBSCRIPTION_CANCELED = "subscription_canceled"
    ENDED_UNPAID = "ended_unpaid"
    GRACE_ENDING = "grace_ending"
    TRIAL_ENDING = "trial_ending"
    SUBSCRIPTION_PAUSED = "subscription_paused"
    CARD_EXPIRING = "card_expiring"
    CARD_MISSING = "card_missing"
    RENEWAL_UPCOMING = "renewal_upcoming"


# What these tell may be over before they are sent.
_PASSING = (
    Kind.PAYMENT_FAILED,
    Kind.PAYMENT_ACTION_REQUIRED,
    Kind.CANCEL_SCHEDULED,
    Kind.GRACE_ENDING,
    Kind.TRIAL_ENDING,
    Kind.CARD_MISSING,
    Kind.RENEWAL_UPCOMING,
    Kind.SUBSCRIPTION_PAUSED,
)


@dataclass(frozen=True, slots=True)
class _Notice:
    """Something to tell once: about which object, and if need be about which turn of events."""

    kind: Kind
    about: str
    subscription: Subscription
    invoice: Invoice | None = None
    card: PaymentMethod | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.about}"


def tell(customer: Customer, *, now: datetime) -> None:
    """Queue a mail for everything that became true of `customer` and is still news, each once for ever.

    A mail still waiting that is no longer true is taken back: of a payment made since, of a cancellation undone.
    Never raises because of a mail: what a reader has paid for must not wait for a template.
    """
    if customer.reader is None or _has_left(customer, customer.reader):
        return
    subscriptions = list(_subscriptions(customer))
    _withdraw_outdated(customer.reader, subscriptions, now=now)
    # Stripe itself tells of the end of a trial three days ahead, so that a look comes in time.
    on_trial = [row for row in subscriptions if row.status == Status.TRIALING]
    notices = [*_news(subscriptions, now=now), *_announced(on_trial, now=now)]
    _queue_new(customer.reader, notices, now=now)


def to_remind() -> QuerySet[Customer]:
    """Return the customers whose subscriptions go on by themselves: whom `remind` may have something to tell."""
    going_on = Subscription.objects.filter(status__in=GOOD_STANDING, automatic=True)
    return Customer.objects.filter(
        deleted_at=None, reader__isnull=False, subscriptions__in=going_on
    ).distinct()


def remind(customer: Customer, *, now: datetime) -> None:
    """Queue what a reader should know ahead: the end of a trial, a card gone or expiring, a yearly renewal."""
    if customer.reader is None or _has_left(customer, customer.reader):
        return
    _queue_new(customer.reader, _announced(_subscriptions(customer), now=now), now=now)


def _news(subscriptions: Iterable[Subscription], *, now: datetime) -> list[_Notice]:
    return [
        notice
        for subscription in subscriptions
        for notice in (*_of_subscription(subscription, now=now), *_of_invoices(subscription, now=now))
    ]


def _announced(subscriptions: Iterable[Subscription], *, now: datetime) -> list[_Notice]:
    return [notice for subscription in subscriptions for notice in _ahead(subscription, now=now)]


def _withdraw_outdated(reader: User, subscriptions: list[Subscription], *, now: datetime) -> None:
    waiting = Mail.objects.filter(reader=reader, state=Mail.State.QUEUED, kind__in=_PASSING)
    keys = set(waiting.values_list("dedup_key", flat=True))
    if not keys:
        return
    # A reader's other customers at Stripe have mails of their own, which are not for this look to judge.
    seen = {subscription.stripe_id for subscription in subscriptions}
    seen |= {invoice.stripe_id for subscription in subscriptions for invoice in subscription.invoices.all()}
    still_true = {notice.key for notice in _news(subscriptions, now=now)}
    still_true |= {notice.key for notice in _announced(subscriptions, now=now)}
    emails.withdraw(key for key in keys - still_true if key.split(":")[1] in seen)


def _has_left(customer: Customer, reader: User) -> bool:
    """Tell whether the account is closed: news of it may still come from Stripe, and is nobody's any more."""
    return customer.deleted_at is not None and not reader.is_active


def _subscriptions(customer: Customer) -> QuerySet[Subscription]:
    return customer.subscriptions.select_related("customer").prefetch_related("invoices", "items")


def _of_subscription(subscription: Subscription, *, now: datetime) -> Iterator[_Notice]:
    name = subscription.stripe_id
    if subscription.status in GOOD_STANDING and _is_news(subscription.created_at, now=now):
        yield _Notice(Kind.WELCOME, name, subscription)
    if subscription.status == Status.CANCELED:
        if _is_news(subscription.ended_at, now=now):
            is_unpaid = subscription.cancel_reason == "payment_failed"
            yield _Notice(Kind.ENDED_UNPAID if is_unpaid else Kind.SUBSCRIPTION_CANCELED, name, subscription)
    elif outlook.scheduled_end(subscription) is not None and _is_news(subscription.canceled_at, now=now):
        # The moment of the wish tells a second cancellation, after a resumption, from the first.
        yield _Notice(Kind.CANCEL_SCHEDULED, f"{name}:{_stamp(subscription.canceled_at)}", subscription)

    if _is_paused(subscription, now=now):
        # Nothing tells when it was paused; until when is news as long as it is to come.
        yield _Notice(
            Kind.SUBSCRIPTION_PAUSED, f"{name}:{_stamp(subscription.pause_resumes_at)}", subscription
        )


def _is_paused(subscription: Subscription, *, now: datetime) -> bool:
    resumes_at = subscription.pause_resumes_at
    is_void = subscription.status == Status.ACTIVE and subscription.pause_behavior == "void"
    return is_void and resumes_at is not None and resumes_at > now


def _of_invoices(subscription: Subscription, *, now: datetime) -> Iterator[_Notice]:
    for invoice in subscription.invoices.all():
        if invoice.status == "paid" and _is_news(invoice.paid_at, now=now) and _failure_was_told(invoice):
            yield _Notice(Kind.PAYMENT_RECOVERED, invoice.stripe_id, subscription, invoice)
        elif _is_failing(subscription, invoice) and _is_current(invoice, now=now):
            yield _failure(subscription, invoice)
            if _grace_is_ending(subscription, now=now) and _failure_was_told(
                invoice, before=now - _TOLD_JUST_NOW
            ):
                yield _Notice(Kind.GRACE_ENDING, invoice.stripe_id, subscription, invoice)


def _grace_is_ending(subscription: Subscription, *, now: datetime) -> bool:
    """Tell whether the end of the grace period is near, and is what ends reading."""
    state = outlook.of_subscription(subscription, now=now)
    until = state.grace_until
    return (
        until is not None and state.access_ends_at == until and until - settings.GRACE_WARNING <= now < until
    )


def _failure(subscription: Subscription, invoice: Invoice) -> _Notice:
    if invoice.needs_action:
        return _Notice(Kind.PAYMENT_ACTION_REQUIRED, invoice.stripe_id, subscription, invoice)
    about = f"{invoice.stripe_id}:{invoice.attempt_count}"
    return _Notice(Kind.PAYMENT_FAILED, about, subscription, invoice)


def _is_failing(subscription: Subscription, invoice: Invoice) -> bool:
    return (
        subscription.status in {Status.PAST_DUE, Status.UNPAID}
        and invoice.status == "open"
        and invoice.attempted
        and invoice.automatic
        # A first payment fails before the reader's eyes, in Checkout.
        and invoice.billing_reason != "subscription_create"
    )


def _is_current(invoice: Invoice, *, now: datetime) -> bool:
    """Tell whether a failing payment is news. While Stripe goes on trying it is, however old the invoice."""
    return (
        invoice.next_payment_attempt is not None
        or _is_news(invoice.finalized_at, now=now)
        or _was_told(invoice)
    )


def _was_told(invoice: Invoice) -> bool:
    return Mail.objects.filter(dedup_key__startswith=f"{Kind.PAYMENT_FAILED}:{invoice.stripe_id}:").exists()


def _failure_was_told(invoice: Invoice, *, before: datetime | None = None) -> bool:
    failed = Q(dedup_key__startswith=f"{Kind.PAYMENT_FAILED}:{invoice.stripe_id}:")
    told = Mail.objects.filter(failed | Q(dedup_key=f"{Kind.PAYMENT_ACTION_REQUIRED}:{invoice.stripe_id}"))
    return (told.exclude(queued_at__gt=before) if before else told).exists()


def _ahead(subscription: Subscription, *, now: datetime) -> Iterator[_Notice]:
    if subscription.status not in GOOD_STANDING or not subscription.automatic:
        return
    state = outlook.of_subscription(subscription, now=now)
    # A trial that stops for want of a card has no charge ahead, only its end.
    moment = state.access_ends_at if state.ends_without_card else state.next_charge_at
    if moment is None or moment <= now:
        return
    about = f"{subscription.stripe_id}:{_stamp(moment)}"
    if subscription.status == Status.TRIALING:
        # Of a trial as short as that its welcome told the end.
        if subscription.created_at < moment - settings.TRIAL_WARNING <= now:
            # With a card stored after all it ends in a charge, which is told as well.
            turn = ":without_card" if state.ends_without_card else ""
            yield _Notice(Kind.TRIAL_ENDING, f"{about}{turn}", subscription)
    elif state.step is Step.ADD_CARD and state.next_charge_amount and moment - now <= _NO_CARD_WARNING:
        yield _Notice(Kind.CARD_MISSING, about, subscription)
    elif _is_yearly(subscription) and moment - now <= _RENEWAL_WARNING:
        yield _Notice(Kind.RENEWAL_UPCOMING, about, subscription)
    yield from _card_ahead(subscription, now=now)


def _is_yearly(subscription: Subscription) -> bool:
    return any(item.interval == "year" for item in subscription.items.all())


def _card_ahead(subscription: Subscription, *, now: datetime) -> Iterator[_Notice]:
    card = card_faces.charged_for(subscription)
    expires_at = _expiry(card) if card else None
    # However far the next charge is, this comes before it, and not so early that it is forgotten again.
    if card and expires_at and expires_at - now <= _CARD_WARNING:
        name = f"{card.stripe_id}:{card.exp_year}-{card.exp_month:02}"
        yield _Notice(Kind.CARD_EXPIRING, name, subscription, card=card)


def _expiry(card: PaymentMethod) -> datetime | None:
    """Return the first moment at which a card is no longer good: the end of the month printed on it."""
    if card.exp_month is None or card.exp_year is None:
        return None
    return months.later(datetime(card.exp_year, card.exp_month, 1, tzinfo=UTC), 1)


def _is_news(moment: datetime | None, *, now: datetime) -> bool:
    return moment is not None and now - moment <= _NEWS


def _stamp(moment: datetime | None) -> str:
    return str(int(moment.timestamp())) if moment else ""


def _queue_new(reader: User, notices: list[_Notice], *, now: datetime) -> None:
    keys = [notice.key for notice in notices]
    told = set(Mail.objects.filter(dedup_key__in=keys).values_list("dedup_key", flat=True))
    for notice in notices:
        if notice.key not in told:
            _queue(reader, notice, now=now)


def _queue(reader: User, notice: _Notice, *, now: datetime) -> None:
    letters.queue(
        reader.email,
        kind=notice.kind,
        about=notice.about,
        language=reader.language,
        reader=reader,
        write=lambda: letters.of_templates(notice.kind, _context(reader, notice, now=now)),
        now=now,
    )


def _context(reader: User, notice: _Notice, *, now: datetime) -> dict[str, object]:
    invoice = notice.invoice
    return {
        "reader": reader,
        "state": outlook.of_subscription(notice.subscription, now=now),
        "invoice": invoice,
        "amount_text": money.text(invoice.amount_remaining or invoice.total, currency=invoice.currency)
        if invoice
        else "",
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "account_url": links.account(),
        "card_url": links.card(),
        "fix_url": fixing.address(invoice, reader=reader, now=now) if invoice else "",
        "confirm_url": links.confirm_payment(),
        "subscribe_url": links.subscribe(),
    }
