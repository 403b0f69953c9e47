"""Look for where ours does not match Stripe's, and ask for a sync there: the answer to every event that never came.

Nets, each wider and slower than the one before: events that Stripe kept and we never got; dates on which something
should have happened; customers and gifts not looked at for long. The last one, `comparison`, walks everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet

from billing import inbox, leftovers, sync
from billing.gateway import Delivery, Gateway
from billing.models import CheckoutAttempt, Cursor, Customer, Present, Subscription
from billing.snapshots import OVER, Status

# A replay begins so long before the last one ended: Stripe lists some events late.
_OVERLAP = timedelta(hours=1)
# So long after a look that left something in doubt, another one is due.
_AGAIN = timedelta(hours=1)
# A buyer who went to pay is back, or a webhook told of it, long before.
_UNHEARD = timedelta(minutes=15)
_WINDOW = timedelta(hours=6)
# A page to pay on is open for a day; its payment may need another one.
_PAYABLE = timedelta(days=2)
_KEPT_BY_STRIPE = timedelta(days=30)
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay looked at; not complete when we were away for longer than Stripe keeps events."""

    events: int
    is_complete: bool


def replay(
    *,
    gateway: Gateway,
    now: datetime,
    since: datetime | None = None,
    tell: Callable[[datetime, int], object] = lambda _until, _looked_at: None,
) -> Replayed:
    """Fetch the events made since the last replay, or since an earlier moment, and keep those that we do not have.

    The last hour is always looked at again, for events that Stripe lists late. Each window moves the cursor, so a
    replay that is cut short goes on where it stopped; `tell` hears of each how far we are, and of how many events.
    """
    Cursor.objects.get_or_create(name="events", defaults={"moved_at": now - _WINDOW})
    start = _start(since, now=now)
    looked_at = 0
    for moment, until in _windows(start, now=now):
        looked_at += inbox.receive_missed(gateway.events(since=moment, until=until), now=now)
        Cursor.objects.filter(name="events", moved_at__lt=min(until, now)).update(moved_at=min(until, now))
        tell(until, looked_at)
    return Replayed(events=looked_at, is_complete=_is_kept(start, now=now))


def was_away_too_long(*, now: datetime) -> bool:
    """Tell whether a replay from here on would miss events that Stripe no longer keeps."""
    return not _is_kept(_start(None, now=now), now=now)


def missed(*, gateway: Gateway, now: datetime, since: datetime | None = None) -> Iterator[Delivery]:
    """Walk the events that `replay` would bring, and change nothing."""
    for moment, until in _windows(_start(since, now=now), now=now):
        yield from inbox.missing(gateway.events(since=moment, until=until))


def sweep_boundaries(*, now: datetime, limit: int = _BATCH) -> int:
    """Ask for a look at customers whose subscription passed a date unseen, or is in trouble; return how many.

    Also at those at whom something can still be paid that no longer should: whoever looks clears it away.
    """
    unseen = Q(past_due_since__lte=now - settings.PAST_DUE_GRACE) & Q(
        synced_at__lt=F("past_due_since") + settings.PAST_DUE_GRACE
    )
    for date in ("period_ends_at", "trial_ends_at", "cancel_at", "pause_resumes_at"):
        unseen |= Q(**{f"{date}__lte": now}) & Q(synced_at__lt=F(date))
    # Looked at since, and still not as it should be: Stripe was late itself, or a payment is being waited for.
    settled = (Status.TRIALING, Status.ACTIVE, Status.PAUSED)
    unsettled = Q(period_ends_at__lte=now) | Q(cancel_at__lte=now) | ~Q(status__in=settled)
    doubtful = unsettled & Q(synced_at__lte=now - _AGAIN)
    rows = Subscription.objects.exclude(status__in=OVER).filter(unseen | doubtful)
    wanted = Customer.objects.filter(
        Q(subscriptions__in=rows) | Q(pk__in=leftovers.customers(now=now)) | _may_have_paid(now=now)
    )
    return _request(wanted, now=now, limit=limit)


def presents_unseen(*, now: datetime, limit: int = _BATCH) -> list[int]:
    """Return gift subscriptions (primary keys) of whose payment we may have missed something, longest unseen first.

    Those on their way are looked at each hour for two days; those paid and not over, each day, for a refund.
    """
    on_the_way = Q(paid_at=None, made_at__lte=now - _UNHEARD, made_at__gt=now - _PAYABLE) & (
        Q(looked_at=None) | Q(looked_at__lte=now - _AGAIN)
    )
    paid = Q(paid_at__isnull=False, is_refunded=False, looked_at__lte=now - timedelta(days=1)) & (
        Q(ends_at=None) | Q(ends_at__gt=now)
    )
    rows = Present.objects.exclude(session_id="").filter(on_the_way | paid)
    return list(
        rows.order_by(F("looked_at").asc(nulls_first=True), "pk").values_list("pk", flat=True)[:limit]
    )


def sweep_stale(*, now: datetime, limit: int = _BATCH) -> int:
    """Ask for a look at the customers looked at longest ago, if that is more than a day; return how many."""
    old = Customer.objects.filter(
        Q(synced_at=None) | Q(synced_at__lte=now - timedelta(days=1)), deleted_at=None
    )
    chosen = old.order_by(F("synced_at").asc(nulls_first=True), "pk").values_list("pk", flat=True)[:limit]
    return sync.request(list(chosen), now=now)


def _may_have_paid(*, now: datetime) -> Q:
    """Find those who went to Checkout a while ago and of whom we heard nothing; what is paid once has no later date."""
    unheard = CheckoutAttempt.objects.filter(
        state=CheckoutAttempt.State.OPEN, started_at__lte=now - _AGAIN, started_at__gt=now - _PAYABLE
    )
    unseen = Q(synced_at=None) | Q(synced_at__lte=now - _AGAIN)
    return Q(reader__checkout_attempts__in=unheard) & unseen


def _start(since: datetime | None, *, now: datetime) -> datetime:
    """Return where to begin: never later than where the last replay stopped, or what lies between is never read."""
    stopped = Cursor.objects.filter(name="events").values_list("moved_at", flat=True).first()
    start = (stopped or now - _WINDOW) - _OVERLAP
    return min(since, start) if since else start


def _windows(start: datetime, *, now: datetime) -> Iterator[tuple[datetime, datetime]]:
    end, moment = now + timedelta(minutes=1), max(start, now - _KEPT_BY_STRIPE)
    while moment < end:
        until = min(moment + _WINDOW, end)
        yield moment, until
        moment = until


def _is_kept(start: datetime, *, now: datetime) -> bool:
    return start >= now - _KEPT_BY_STRIPE


def _request(wanted: QuerySet[Customer], *, now: datetime, limit: int) -> int:
    idle = wanted.filter(deleted_at=None, sync_requested__lte=F("sync_done")).distinct()
    chosen = idle.order_by("synced_at", "pk").values_list("pk", flat=True)[:limit]
    return sync.request(list(chosen), now=now)
