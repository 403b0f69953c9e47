"""Compare every subscription with Stripe's, both ways, and report: "N of N subscriptions proven equal to Stripe at T".

Then (see `reckoning`) what was paid once, and what went back: refunds, disputes, warnings of fraud.

A comparison is a run of many short steps: each takes one page, remembers where it stopped, and can be gone on with by
another worker. What differs is looked at again at once, so a run repairs what it reports.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet

from accounts.models import User
from billing import open_products, reckoning, sync
from billing.gateway import Gateway
from billing.models import Customer, Invoice, ReconcileRun, Subscription
from billing.snapshots import OVER, OWED, SubscriptionSnapshot

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PAGE = 100
_LONGEST_REPORT = 500
# For so long Stripe tries to collect an invoice, and somewhat longer.
_COLLECTED = timedelta(days=40)
_SUBSCRIPTIONS = "subscriptions"
_STAGES = (_SUBSCRIPTIONS, *reckoning.Stage)
# A run that is gone on with passes over whom somebody has looked at since it began, if that was no longer ago.
_A_NIGHT = timedelta(hours=6)
# What a look at one customer asks of Stripe; and for so many seconds calls may be saved up.
_CALLS_OF_A_LOOK = 6
_SAVED_UP = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What a comparison says of one subscription; no `difference` means proven equal."""

    subscription: str
    customer: str  # Stripe's id
    difference: str = ""

    def __str__(self) -> str:
        return f"{self.subscription}: {self.difference or 'equal'}"


def start(*, now: datetime, anew: bool = False) -> int:
    """Begin a comparison, or return the one under way (primary key).

    `anew` lets one under way that nobody is at begin again, so that it speaks of `now`: one that a backup brought back
    has walked past what changed since.
    """
    if anew:
        _lying(now=now).update(
            started_at=now, stage=_SUBSCRIPTIONS, cursor="", checked=0, equal=0, repaired=0,
            returns_checked=0, returns_equal=0, drift=[],
        )  # fmt: skip
    run = ReconcileRun.objects.filter(finished_at=None).first() or ReconcileRun.objects.create(started_at=now)
    return run.pk


def unfinished(*, now: datetime) -> int | None:
    """Return a comparison that nobody is at and that is not finished."""
    return _lying(now=now).values_list("pk", flat=True).first()


def advance(
    run_pk: int,
    *,
    gateway: Gateway,
    now: datetime,
    seconds: float | None = None,
    page: int = _PAGE,
    tell: Callable[[ReconcileRun], object] = lambda _run: None,
) -> ReconcileRun:
    """Go on with a comparison, for so many seconds of real time or to its end; `tell` hears of each page.

    :raises StripeTrouble: Stripe did not answer; going on later starts where this stopped.
    """
    run = _claim(run_pk, now=now)
    if run is None:
        return ReconcileRun.objects.get(pk=run_pk)
    until = time.monotonic() + seconds if seconds is not None else None

    def is_over() -> bool:
        return until is not None and time.monotonic() > until

    pace = _Pace()
    try:
        while run.finished_at is None:
            for looks in _steps(run, gateway=gateway, page=page, is_over=is_over, now=now):
                tell(run)
                if is_over():
                    return run
                pace.keep(calls=1 + looks * _CALLS_OF_A_LOOK)
            _go_on(run, gateway=gateway, now=now)
            tell(run)
    finally:
        ReconcileRun.objects.filter(pk=run.pk).update(leased_until=None)
    return run


def look_through(*, gateway: Gateway, now: datetime) -> Iterator[Finding]:
    """Compare everything and change nothing: what `advance` would find, each subscription once."""
    seen: set[str] = set()
    for page in _pages(gateway.subscriptions()):
        seen.update(theirs.id for theirs in page)
        yield from compare(page)
    for ours in _open_here(before=now).exclude(stripe_id__in=seen).select_related("customer"):
        yield _missing_there(ours)
    yield from _bought_twice()


def compare(page: list[SubscriptionSnapshot]) -> list[Finding]:
    """Compare a page of Stripe's subscriptions with ours; those that are nobody's and unlock nothing are left out."""
    rows = Subscription.objects.filter(stripe_id__in=[theirs.id for theirs in page])
    ours = {row.stripe_id: row for row in rows.select_related("customer").prefetch_related("items")}
    unlocks = open_products.unlocked_by(item.product for theirs in page for item in theirs.items)
    findings = []
    for theirs in page:
        row = ours.get(theirs.id)
        if row is not None:
            findings.append(Finding(theirs.id, theirs.customer, _difference(row, theirs)))
        elif any(unlocks.get(item.product) for item in theirs.items):
            findings.append(
                Finding(theirs.id, theirs.customer, f"{theirs.raw_status} at Stripe, unknown here")
            )
    return findings


def _lying(*, now: datetime) -> QuerySet[ReconcileRun]:
    return ReconcileRun.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), finished_at=None)


def _claim(run_pk: int, *, now: datetime) -> ReconcileRun | None:
    if not _lying(now=now).filter(pk=run_pk).update(leased_until=now + ReconcileRun.LEASE):
        return None
    return ReconcileRun.objects.get(pk=run_pk)


def _pages(walk: Iterator[T], *, size: int = _PAGE) -> Iterator[list[T]]:
    while page := list(islice(walk, size)):
        yield page


def _steps(
    run: ReconcileRun, *, gateway: Gateway, page: int, is_over: Callable[[], bool], now: datetime
) -> Iterator[int]:
    """Take the pages of the stage that a run is in; yields how many customers each page made us look at."""
    if run.stage == _SUBSCRIPTIONS:
        for theirs in _pages(gateway.subscriptions(after=run.cursor), size=page):
            yield _take(run, theirs, gateway=gateway, is_over=is_over, now=now)
        return
    since = reckoning.recent()
    walk = reckoning.walk(reckoning.Stage(run.stage), gateway=gateway, after=run.cursor)
    for returns in _pages(walk, size=page):
        yield _take_returns(run, returns, since=since, gateway=gateway, now=now)


def _go_on(run: ReconcileRun, *, gateway: Gateway, now: datetime) -> None:
    """Begin the next stage, or end."""
    if run.stage == _SUBSCRIPTIONS:
        _look_the_other_way(run, gateway=gateway, now=now)
    following = _STAGES[_STAGES.index(run.stage) + 1 :]
    if following:
        run.stage, run.cursor = following[0], ""
        _save(run)
    else:
        _close(run, now=now)


def _take_returns(
    run: ReconcileRun,
    page: list[reckoning.Theirs],
    *,
    since: datetime | None,
    gateway: Gateway,
    now: datetime,
) -> int:
    findings = reckoning.compare(page, since=since, gateway=gateway)
    differing = [finding for finding in findings if finding.difference]
    for finding in differing:
        _report(run, str(finding))
    repaired = sum(reckoning.repair(finding, gateway=gateway, now=now) for finding in differing)
    run.returns_checked += len(findings)
    run.returns_equal += len(findings) - len(differing) + repaired
    run.cursor = page[-1].id
    _save(run)
    return len(differing)


def _take(
    run: ReconcileRun,
    page: list[SubscriptionSnapshot],
    *,
    gateway: Gateway,
    is_over: Callable[[], bool],
    now: datetime,
) -> int:
    findings = compare(page)
    differing = {finding.subscription for finding in findings if finding.difference}
    behind = _to_look_behind(run, [theirs for theirs in page if theirs.id not in differing], now=now)
    for number, customer in enumerate(behind):
        if number and is_over():  # the page is taken again, without those who were looked at
            return number
        sync.request([customer], now=now)
        sync.customer(customer, gateway=gateway, now=now)
    equal = [finding.subscription for finding in findings if not finding.difference]
    Subscription.objects.filter(stripe_id__in=equal).update(proven_at=run.started_at)
    run.checked += len(findings)
    run.equal += len(equal)
    for finding in findings:
        if finding.difference:
            _repair(run, finding, gateway=gateway, now=now)
    repaired = [
        finding.subscription
        for finding in compare([theirs for theirs in page if theirs.id in differing])
        if not finding.difference
    ]
    Subscription.objects.filter(stripe_id__in=repaired).update(proven_at=run.started_at)
    run.repaired += len(repaired)
    run.cursor = page[-1].id
    _save(run)
    return len(differing) + len(behind)


def _repair(run: ReconcileRun, finding: Finding, *, gateway: Gateway, now: datetime) -> None:
    known = Customer.objects.filter(stripe_id=finding.customer).values_list("pk", flat=True).first()
    customer = known or sync.adopt(finding.customer, gateway=gateway, now=now)
    line = str(finding)
    if customer is None:
        line = f"{finding}; its customer {finding.customer} names no reader of ours"
    else:
        sync.request([customer], now=now)
        sync.customer(customer, gateway=gateway, now=now)
    _report(run, line)


def _to_look_behind(run: ReconcileRun, page: list[SubscriptionSnapshot], *, now: datetime) -> list[int]:
    """Return customers of whom a subscription does not tell all: its invoices say what is owed, and why.

    Also where a recent invoice is neither paid nor given up as far as we know: nothing else would tell of one that is
    stuck, or was paid since. A pause alone asks for no look: each invoice that it keeps back was the latest one, which
    is compared. Old debts are left to the sweep of those looked at longest ago, and whom Stripe gave no picture of
    comes back by itself.
    """
    unsettled = {theirs.customer for theirs in page if theirs.status in OWED}
    names = {theirs.customer for theirs in page}
    unpaid = Invoice.objects.filter(
        customer__stripe_id__in=names, status__in=("draft", "open"), created_at__gte=now - _COLLECTED
    )
    wanted = Q(stripe_id__in=unsettled) | Q(pk__in=unpaid.values("customer"))
    put_off = Q(sync_requested__gt=F("sync_done"), next_sync_at__gt=now)
    stale = Customer.objects.filter(wanted, synced_at__lt=max(run.started_at, now - _A_NIGHT))
    return list(stale.exclude(put_off).order_by("pk").values_list("pk", flat=True))


def _look_the_other_way(run: ReconcileRun, *, gateway: Gateway, now: datetime) -> None:
    """Look the other way: what is open here and was not met on the walk, and what was bought twice."""
    unmet = _open_here(before=run.started_at).filter(
        Q(proven_at=None) | Q(proven_at__lt=run.started_at), synced_at__lt=run.started_at
    )
    for ours in unmet.select_related("customer"):
        run.checked += 1
        _repair(run, _missing_there(ours), gateway=gateway, now=now)
        ours.refresh_from_db()
        run.repaired += not ours.is_open
    for finding in _bought_twice():
        _report(run, str(finding))


def _close(run: ReconcileRun, *, now: datetime) -> None:
    run.finished_at = now
    _save(run)
    logger.info(
        "%s of %s subscriptions proven equal to Stripe at %s, %s repaired; %s of %s payments and returns.",
        run.equal, run.checked, run.started_at.isoformat(), run.repaired, run.returns_equal, run.returns_checked,
    )  # fmt: skip


def _open_here(*, before: datetime) -> QuerySet[Subscription]:
    return Subscription.objects.exclude(status__in=OVER).filter(
        created_at__lt=before, customer__deleted_at=None
    )


def _missing_there(ours: Subscription) -> Finding:
    return Finding(ours.stripe_id, ours.customer.stripe_id, f"{ours.status} here, unknown at Stripe")


def _bought_twice() -> Iterator[Finding]:
    """Report readers who are charged twice for one product; staff decide which subscription to end and refund."""
    several = (
        Subscription.objects.exclude(status__in=OVER)
        .exclude(customer__reader=None)
        .values("customer__reader")
        .annotate(held=Count("pk"))
        .filter(held__gt=1)
    )
    for reader in User.objects.filter(pk__in=several.values("customer__reader")).iterator():
        holding: dict[str, str] = {}
        for product, row in open_products.of(reader):
            first = holding.setdefault(product, row.stripe_id)
            if first != row.stripe_id:
                yield Finding(
                    row.stripe_id, row.customer.stripe_id, f"gives {product} as {first} does already"
                )


def _difference(ours: Subscription, theirs: SubscriptionSnapshot) -> str:
    """Name what differs, as `field: ours, not theirs`."""
    return "; ".join(
        f"{name}: {here}, not {there}" for name, here, there in _pairs(ours, theirs) if here != there
    )


def _pairs(ours: Subscription, theirs: SubscriptionSnapshot) -> Iterator[tuple[str, object, object]]:
    yield "customer", ours.customer.stripe_id, theirs.customer
    yield "status", ours.status, theirs.raw_status
    yield "starts_at", ours.starts_at, theirs.starts_at
    yield "period_ends_at", ours.period_ends_at, theirs.period_ends_at
    yield "trial_ends_at", ours.trial_ends_at, theirs.trial_ends_at
    yield "cancel_at", ours.cancel_at, theirs.cancel_at
    yield "cancel_at_period_end", ours.cancel_at_period_end, theirs.cancel_at_period_end
    yield "canceled_at", ours.canceled_at, theirs.canceled_at
    yield "ended_at", ours.ended_at, theirs.ended_at
    yield (
        "pause",
        (ours.pause_behavior, ours.pause_resumes_at),
        (theirs.pause_behavior, theirs.pause_resumes_at),
    )
    yield "automatic", ours.automatic, theirs.automatic
    yield "card", ours.default_card, theirs.default_card or ""
    yield "without_card", ours.without_card, theirs.without_card
    named, until = theirs.discount
    yield "discount", (ours.discount, ours.discount_ends_at), (named[:200], until)
    yield "latest_invoice", ours.latest_invoice, theirs.latest_invoice or ""
    here = sorted((item.stripe_id, item.stripe_price, item.quantity) for item in ours.items.all())
    yield "items", here, sorted((item.id, item.price, item.quantity) for item in theirs.items)


def _report(run: ReconcileRun, line: str) -> None:
    logger.warning("Drift: %s", line)
    if len(run.drift) < _LONGEST_REPORT:
        run.drift.append(line)


def _save(run: ReconcileRun) -> None:
    run.save(
        update_fields=[
            "stage", "cursor", "checked", "equal", "repaired", "returns_checked", "returns_equal", "drift",
            "finished_at",
        ]
    )  # fmt: skip


class _Pace:
    """Keeps a comparison from asking Stripe more often than is set: its limit is shared with those who are buying."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._calls = 0

    def keep(self, *, calls: int) -> None:
        """Wait until so many more calls are not too many; a few are always at once."""
        self._calls += calls
        due = self._calls / settings.RECONCILE_CALLS_PER_SECOND - _SAVED_UP
        time.sleep(max(0.0, self._began + due - time.monotonic()))
