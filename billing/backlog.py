"""What waits, what was given up, what we last heard, and when ours was last proven equal to Stripe's. Only reads."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, Min, Q

from billing import inbox
from billing.models import Cursor, Customer, ReconcileRun, StripeEvent

# Work that is due and that nobody took for this long: nobody is at work.
PATIENCE = timedelta(seconds=60)
# A look that failed so often in a row has been failing for some twenty minutes.
_OFTEN = 7
# So long may a delivery be on its way before it counts as missed.
_ON_ITS_WAY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Events:
    """The inbox: `oldest` is when the oldest of `waiting` was received; `is_behind` says that nobody is at work."""

    waiting: int
    oldest: datetime | None
    is_behind: bool
    parked: int


@dataclass(frozen=True, slots=True)
class Looks:
    """Customers who wait for a look; `failing` of them have been refused one for long, `worst` is the longest."""

    waiting: int
    is_behind: bool
    failing: int
    worst: str


@dataclass(frozen=True, slots=True)
class Hearing:
    """When a webhook last came, how many events it should have brought since, and how far we have read ourselves."""

    heard_at: datetime | None
    missed: int
    read_until: datetime | None


@dataclass(frozen=True, slots=True)
class Equality:
    """The last whole comparison with Stripe; `at` is the moment of which it speaks, None where there was none."""

    at: datetime | None = None
    checked: int = 0
    equal: int = 0
    repaired: int = 0
    returns_checked: int = 0  # payments made once, refunds, disputes and warnings of fraud
    returns_equal: int = 0
    drift: tuple[str, ...] = ()

    @property
    def differing(self) -> int:
        """How many were left as they were found: they need a person."""
        return self.checked - self.equal - self.repaired + self.returns_checked - self.returns_equal


def events(*, now: datetime) -> Events:
    """Look into the inbox."""
    received = StripeEvent.objects.filter(state=StripeEvent.State.RECEIVED)
    waiting = received.aggregate(count=Count("pk"), oldest=Min("received_at"))
    return Events(
        waiting=waiting["count"],
        oldest=waiting["oldest"],
        is_behind=bool(inbox.due_ids(now=now - PATIENCE, limit=1)),
        parked=StripeEvent.objects.filter(state=StripeEvent.State.PARKED).count(),
    )


def looks(*, now: datetime) -> Looks:
    """Look at who waits for a look at Stripe."""
    waiting = Customer.objects.filter(sync_requested__gt=F("sync_done"))
    failing = waiting.filter(sync_attempts__gte=_OFTEN)
    worst = failing.order_by(F("synced_at").asc(nulls_first=True), "pk").first()
    return Looks(
        waiting=waiting.count(),
        is_behind=Customer.objects.waiting(now=now - PATIENCE).exists(),
        failing=failing.count(),
        worst=f"{worst.stripe_id} ({worst.sync_attempts} tries): {worst.sync_error}" if worst else "",
    )


def hearing(*, now: datetime) -> Hearing:
    """Compare what webhooks brought with what had to be fetched."""
    last = StripeEvent.objects.filter(source="webhook").order_by("-pk").first()
    fetched = Q(source="replay", created_at__lte=now - _ON_ITS_WAY)
    if last is not None:
        fetched &= Q(pk__gt=last.pk, created_at__gt=last.received_at)
    return Hearing(
        heard_at=last.received_at if last else None,
        missed=StripeEvent.objects.filter(fetched).count(),
        read_until=Cursor.objects.filter(name="events").values_list("moved_at", flat=True).first(),
    )


def equality() -> Equality:
    """Return what the last comparison that came to its end said."""
    run = ReconcileRun.objects.exclude(finished_at=None).first()
    if run is None:
        return Equality()
    return Equality(
        at=run.started_at,
        checked=run.checked,
        equal=run.equal,
        repaired=run.repaired,
        returns_checked=run.returns_checked,
        returns_equal=run.returns_equal,
        drift=tuple(run.drift),
    )
