"""What workers do for this app. Thin: ids in, clock and gateway fetched, one call each.

The database knows all that is due; a task that never arrives is only late. One bad row never holds back the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from celery import shared_task

from accounts import clock
from billing import (
    comparison,
    deadline,
    dunning,
    gateway,
    inbox,
    leftovers,
    presents,
    reconciliation,
    redeeming,
    reminders,
    sync,
)
from billing.models import Customer, Present

logger = logging.getLogger(__name__)

_BATCH = 20
# Letters are only put into the outbox, so many more fit into a task.
_MAILS = 500
# Workers are killed after a minute: all that a task asks of Stripe ends before, and no row is begun that might not.
# What is left stays due, and somebody is rung for it again.
_SECONDS = 50.0
_SECONDS_FOR_A_ROW = 15.0
_SECONDS_OF_COMPARING = 40.0


@shared_task(name="billing.sync_customers")
def sync_customers(ids: list[int]) -> None:
    """Look at these customers, and clear away what the news left behind."""
    _each(ids, lambda pk: leftovers.look(pk, gateway=gateway.default(), now=clock.now()))


@shared_task(name="billing.process_events")
def process_events(ids: list[int]) -> None:
    """Work through these events, then look at the customers they named: once each, however many events."""
    named: dict[int, None] = {}

    def process(event: int) -> None:
        customer = inbox.process(event, gateway=gateway.default(), now=clock.now())
        if customer is not None:
            named[customer] = None

    with deadline.within(_SECONDS):
        _each(ids, process)
        sync_customers(list(named))


@shared_task(name="billing.sweep")
def sweep() -> None:
    """Ring for whatever is due and nobody was rung for; go on with a comparison that is under way."""
    moment = clock.now()
    if events := inbox.due_ids(now=moment, limit=_BATCH):
        process_events.delay(ids=events)
    if customers := sync.waiting_ids(now=moment, limit=_BATCH):
        sync_customers.delay(ids=customers)
    if run := comparison.unfinished(now=moment):
        reconcile_further.delay(run=run)


@shared_task(name="billing.replay_events")
def replay_events() -> None:
    """Fetch events that never arrived; after too long an absence compare everything as well."""
    moment = clock.now()
    # Begun before the replay moves the cursor: one that is cut short would not know of the gap the next time.
    run = comparison.start(now=moment) if reconciliation.was_away_too_long(now=moment) else None
    reconciliation.replay(gateway=gateway.default(), now=moment)
    if run is not None:
        reconcile_further(run)


@shared_task(name="billing.sweep_boundaries")
def sweep_boundaries() -> None:
    """Ask for a look at customers who passed a date on which something should have happened."""
    reconciliation.sweep_boundaries(now=clock.now())


@shared_task(name="billing.sweep_stale")
def sweep_stale() -> None:
    """Ask for a look at the customers whom nobody looked at for longest."""
    reconciliation.sweep_stale(now=clock.now())


@shared_task(name="billing.refresh_catalogue")
def refresh_catalogue() -> None:
    """Make plans and prices equal to Stripe's."""
    inbox.refresh_catalogue(gateway=gateway.default(), now=clock.now())


@shared_task(name="billing.reconcile")
def reconcile() -> None:
    """Compare every subscription with Stripe; what does not fit into one task is gone on with by the sweeper."""
    reconcile_further(comparison.start(now=clock.now()))


@shared_task(name="billing.reconcile_further")
def reconcile_further(run: int) -> None:
    """Take a comparison as far as one task may."""
    comparison.advance(run, gateway=gateway.default(), now=clock.now(), seconds=_SECONDS_OF_COMPARING)


@shared_task(name="billing.remind_readers")
def remind_readers() -> None:
    """Go on with this day's round of reminders: trials that end, cards that expire or are missing, yearly charges."""
    moment = clock.now()

    def remind(pk: int) -> None:
        reminders.pass_by(pk)
        dunning.remind(Customer.objects.select_related("reader").get(pk=pk), now=moment)

    with deadline.within(_SECONDS):
        while deadline.seconds_left() >= _SECONDS_FOR_A_ROW:
            customers = reminders.due(now=moment, limit=_BATCH)
            if not customers:
                return
            _each(customers, remind)


@shared_task(name="billing.look_after_presents")
def look_after_presents() -> None:
    """Tell recipients whose day has come, finish refunds and notes, learn what was paid or given back."""
    moment = clock.now()
    to_send = Present.objects.to_send(at=moment).order_by("made_at", "pk").values_list("pk", flat=True)
    with deadline.within(_SECONDS):
        _each(list(to_send[:_MAILS]), lambda pk: presents.send(Present.objects.get(pk=pk), now=moment))
        # In any order: what Stripe refuses each time does not hold up the others.
        _each(
            list(Present.objects.to_give_back().order_by("?").values_list("pk", flat=True)[:_BATCH]),
            _give_back,
        )
        _each(list(Present.objects.to_note().order_by("?").values_list("pk", flat=True)[:_BATCH]), _note)
        _each(reconciliation.presents_unseen(now=moment, limit=_BATCH), _look_at_present)
    presents.forget_unpaid(now=moment)


def _give_back(pk: int) -> None:
    presents.give_back(Present.objects.get(pk=pk), gateway=gateway.default(), now=clock.now())


def _note(pk: int) -> None:
    redeeming.note(Present.objects.get(pk=pk), gateway=gateway.default(), now=clock.now())


def _look_at_present(pk: int) -> None:
    presents.look(Present.objects.get(pk=pk), gateway=gateway.default(), now=clock.now())


def _each(ids: Iterable[int], act: Callable[[int], object]) -> None:
    """Act on each id; one that fails in a way nobody expected is logged, and its own row says when it comes back."""
    with deadline.within(_SECONDS):
        for row in ids:
            if deadline.seconds_left() < _SECONDS_FOR_A_ROW:
                return
            try:
                with deadline.within(_SECONDS_FOR_A_ROW):
                    act(row)
            except Exception:
                logger.exception("Row %s could not be worked through.", row)
