"""The nets under the inbox: events replayed, dates swept, and everything compared, both ways."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from django.core.management import CommandError, call_command

from billing import comparison, inbox, reconciliation, sync, tasks
from billing.errors import StripeTrouble
from billing.models import Cursor, Customer, ReconcileRun, StripeEvent, Subscription
from billing.sandbox.faults import Fault
from paywall import entitlements
from tests.billing.market import served
from tests.factories.accounts import a_reader
from tests.factories.billing import DAY, FAILS_LATER, NOON, Shop, a_shop

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
Rung = Callable[
    [], list[tuple[str, dict[str, Any]]]
]  # takes what workers were rung for, as task and arguments


def subscriber(shop: Shop, *, known: bool = True) -> Customer:
    """Return a reader who subscribes at Stripe, and of whom we know that unless told otherwise."""
    customer = shop.customer()
    shop.subscribe(customer.stripe_id)
    if known:
        shop.sync(customer)
    return customer


def compare_all(shop: Shop, *, now: datetime | None = None, **options: Any) -> ReconcileRun:
    moment = now or shop.now
    return comparison.advance(comparison.start(now=moment), gateway=shop.gateway, now=moment, **options)


class TestReplay:
    def test_brings_what_never_arrived_once(self, shop: Shop) -> None:
        customer = subscriber(shop, known=False)
        for _time in range(2):
            reconciliation.replay(gateway=shop.gateway, now=shop.now)
        kept = StripeEvent.objects.count()
        assert kept == StripeEvent.objects.filter(source="replay").count() > 0
        shop.work()
        assert entitlements.snapshot(customer.reader, now=shop.now) != ()

    def test_keeps_what_the_webhook_brought(self, shop: Shop) -> None:
        subscriber(shop)
        (event, *_rest) = shop.gateway.events(since=NOON - DAY, until=NOON + DAY)
        inbox.receive(event, now=shop.now)
        reconciliation.replay(gateway=shop.gateway, now=shop.now)
        assert StripeEvent.objects.get(event_id=event.event.id).source == "webhook"

    def test_goes_on_from_where_it_was_with_an_hour_to_spare(self, shop: Shop) -> None:
        asked: list[datetime] = []

        class Listening:
            def events(self, *, since: datetime, until: datetime) -> Any:
                asked.append(since)
                return shop.gateway.events(since=since, until=until)

        reconciliation.replay(gateway=shop.gateway, now=NOON)
        reconciliation.replay(gateway=Listening(), now=NOON + 10 * DAY)
        assert asked[0] == NOON - HOUR
        assert Cursor.objects.get(name="events").moved_at == NOON + 10 * DAY

    def test_cut_short_it_goes_on_from_the_last_whole_window(self, shop: Shop) -> None:
        class Failing:
            left = 2

            def events(self, *, since: datetime, until: datetime) -> Any:
                if not self.left:
                    raise StripeTrouble("no answer")
                self.left -= 1
                return shop.gateway.events(since=since, until=until)

        reconciliation.replay(gateway=shop.gateway, now=NOON)
        with pytest.raises(StripeTrouble):
            reconciliation.replay(gateway=Failing(), now=NOON + DAY)
        assert NOON < Cursor.objects.get(name="events").moved_at < NOON + DAY

    def test_says_when_we_were_away_for_longer_than_stripe_remembers(self, shop: Shop) -> None:
        assert reconciliation.replay(gateway=shop.gateway, now=NOON).is_complete
        assert not reconciliation.replay(gateway=shop.gateway, now=NOON + 40 * DAY).is_complete


class TestBoundaries:
    def test_a_period_that_ended_unseen_is_looked_at(self, shop: Shop) -> None:
        customer = subscriber(shop)
        assert reconciliation.sweep_boundaries(now=shop.now + 29 * DAY) == 0
        assert reconciliation.sweep_boundaries(now=shop.now + 31 * DAY) == 1
        assert sync.waiting_ids(now=shop.now + 31 * DAY, limit=9) == [customer.pk]
        assert reconciliation.sweep_boundaries(now=shop.now + 31 * DAY) == 0, (
            "who waits already is not asked for again"
        )

    def test_a_renewal_whose_news_was_lost_is_found_by_it(self, shop: Shop) -> None:
        customer = subscriber(shop)
        shop.sandbox.advance(months=1)
        reconciliation.sweep_boundaries(now=shop.now)
        shop.work()
        (grant,) = entitlements.snapshot(customer.reader, now=shop.now)
        assert grant.ends_at > shop.now

    def test_a_payment_in_trouble_is_looked_at_every_hour_and_when_its_grace_is_over(
        self, shop: Shop
    ) -> None:
        customer = subscriber(shop)
        shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
        shop.sandbox.advance(months=1)
        shop.sync(customer)
        assert reconciliation.sweep_boundaries(now=shop.now) == 0
        assert reconciliation.sweep_boundaries(now=shop.now + HOUR) == 1

    def test_what_has_ended_is_left_alone(self, shop: Shop) -> None:
        customer = subscriber(shop)
        shop.gateway.cancel_now(subscription=Subscription.objects.get().stripe_id, key="end")
        shop.sync(customer)
        assert reconciliation.sweep_boundaries(now=shop.now + 90 * DAY) == 0

    def test_is_bounded(self, shop: Shop) -> None:
        for _number in range(3):
            subscriber(shop)
        assert reconciliation.sweep_boundaries(now=shop.now + 31 * DAY, limit=2) == 2


class TestStale:
    def test_the_longest_unseen_first_and_no_more_than_allowed(self, shop: Shop) -> None:
        old, older, never, fresh = (shop.customer() for _number in range(4))
        for customer, days in ((old, 3), (older, 5), (fresh, 0)):
            Customer.objects.filter(pk=customer.pk).update(synced_at=NOON - days * DAY)
        assert reconciliation.sweep_stale(now=NOON, limit=2) == 2
        assert set(sync.waiting_ids(now=NOON, limit=9)) == {never.pk, older.pk}


class TestComparison:
    def test_of_equals_says_so(self, shop: Shop) -> None:
        for _number in range(3):
            subscriber(shop)
        run = compare_all(shop)
        assert (run.checked, run.equal, run.repaired, run.drift) == (3, 3, 0, [])
        assert run.finished_at == shop.now
        assert set(Subscription.objects.values_list("proven_at", flat=True)) == {run.started_at}

    def test_finds_and_repairs_what_differs(self, shop: Shop) -> None:
        subscriber(shop)
        customer = subscriber(shop)
        subscription = customer.subscriptions.get().stripe_id
        shop.gateway.cancel_now(subscription=subscription, key="end")
        run = compare_all(shop)
        assert (run.checked, run.equal, run.repaired) == (2, 1, 1)
        assert f"{subscription}: status: active, not canceled" in run.drift[0]
        assert customer.subscriptions.get().status == "canceled"

    def test_finds_what_we_never_heard_of(self, shop: Shop) -> None:
        known = subscriber(shop, known=False)
        reader = a_reader()
        made = shop.gateway.create_customer(email=reader.email, reader=reader.public_id, key="elsewhere")
        shop.subscribe(made)
        run = compare_all(shop)
        assert (run.checked, run.repaired) == (2, 2)
        for who in (known.reader, reader):
            assert entitlements.snapshot(who, now=shop.now) != ()

    def test_reports_a_subscription_that_is_nobodys(self, shop: Shop) -> None:
        made = shop.gateway.create_customer(email="x@example.org", reader="rdr_else", key="stranger")
        shop.subscribe(made)
        run = compare_all(shop)
        assert (run.checked, run.equal, run.repaired) == (1, 0, 0)
        assert f"{made} names no reader of ours" in run.drift[0]

    def test_leaves_out_what_is_nobodys_and_unlocks_nothing(self, shop: Shop) -> None:
        shop.sell("hats", unlocks="")
        made = shop.gateway.create_customer(email="x@example.org", reader="rdr_else", key="stranger")
        shop.subscribe(made, slug="hats")
        assert compare_all(shop).checked == 0

    def test_finds_what_is_open_here_and_unknown_there(self, shop: Shop) -> None:
        customer = subscriber(shop)
        theirs = shop.sandbox.world.store
        theirs.drop(theirs.get("subscription", Subscription.objects.get().stripe_id))
        run = compare_all(shop, now=shop.now + HOUR)
        assert "active here, unknown at Stripe" in run.drift[0]
        assert (run.checked, run.equal, run.repaired) == (1, 0, 1)
        assert customer.subscriptions.get().status == "canceled"

    def test_reports_a_reader_who_pays_twice_for_one_product(self, shop: Shop) -> None:
        customer = shop.customer()
        first = shop.subscribe(customer.stripe_id)
        shop.sandbox.advance(seconds=60)
        second = shop.subscribe(customer.stripe_id)
        shop.sync(customer)
        assert compare_all(shop).drift == [f"{second}: gives premium as {first} does already"]

    def test_looks_behind_a_payment_in_trouble_which_its_subscription_does_not_tell_of(
        self, shop: Shop
    ) -> None:
        customer = subscriber(shop)
        shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
        shop.sandbox.advance(months=1)
        shop.sync(customer)
        shop.sandbox.advance(seconds=4 * 24 * 3600)
        run = compare_all(shop)
        assert run.drift == []
        assert customer.invoices.get(status="open").attempt_count == 2

    def test_a_pause_is_looked_at_when_it_kept_an_invoice_back_not_every_night(self, shop: Shop) -> None:
        customer = subscriber(shop)
        (subscription,) = customer.subscriptions.all()
        shop.stripe.v1.subscriptions.update(
            subscription.stripe_id, {"pause_collection": {"behavior": "mark_uncollectible"}}
        )
        shop.sandbox.advance(months=1)
        assert compare_all(shop).repaired == 1
        kept_back_at = shop.now
        assert customer.invoices.get(status="uncollectible").stripe_id
        shop.sandbox.advance(seconds=24 * 3600)
        run = compare_all(shop)
        customer.refresh_from_db()
        assert (run.checked, run.equal, run.drift) == (1, 1, [])
        assert customer.synced_at == kept_back_at

    def test_goes_on_where_it_stopped(self, shop: Shop) -> None:
        for _number in range(5):
            subscriber(shop)
        run, steps = compare_all(shop, seconds=0, page=2), 1
        while run.finished_at is None:
            assert comparison.unfinished(now=shop.now) == run.pk
            run, steps = compare_all(shop, seconds=0, page=2), steps + 1
        assert (run.checked, run.equal, steps) == (5, 5, 4)
        assert comparison.unfinished(now=shop.now) is None
        assert ReconcileRun.objects.count() == 1

    def test_a_page_that_asks_for_many_looks_is_gone_on_with(self, shop: Shop) -> None:
        debtors = [subscriber(shop) for _number in range(4)]
        for customer in debtors:
            shop.sandbox.swap_card(customer.stripe_id, card=FAILS_LATER)
        shop.sandbox.advance(months=1)
        for customer in debtors:
            shop.sync(customer)
        shop.sandbox.advance(seconds=4 * 24 * 3600)
        # Of one of them Stripe says nothing for now: it holds nobody up.
        shop.sandbox.world.faults.add(
            Fault(
                target="api",
                kind="status",
                match=f"GET /v1/customers/{debtors[1].stripe_id}",
                status=500,
                left=99,
            )
        )
        run, steps = compare_all(shop, seconds=0), 1
        looked_at = {customer.pk for customer in Customer.objects.filter(synced_at=shop.now)}
        assert len(looked_at) == 1
        while run.finished_at is None:
            shop.sandbox.advance(seconds=150)
            run, steps = compare_all(shop, seconds=0), steps + 1
            assert steps < 20
        assert (run.checked, run.equal) == (4, 4)
        assert [customer.invoices.get(status="open").attempt_count for customer in debtors] == [2, 1, 2, 2]

    def test_one_at_a_time_until_a_dead_worker_s_lease_is_over(self, shop: Shop) -> None:
        subscriber(shop)
        key = comparison.start(now=shop.now)
        ReconcileRun.objects.update(leased_until=shop.now + ReconcileRun.LEASE)
        assert compare_all(shop).finished_at is None
        assert comparison.unfinished(now=shop.now) is None
        later = shop.now + ReconcileRun.LEASE
        assert comparison.unfinished(now=later) == key
        assert compare_all(shop, now=later).checked == 1

    def test_trouble_at_stripe_leaves_it_to_be_gone_on_with(self, shop: Shop) -> None:
        class Silent:
            def subscriptions(self, **_: Any) -> Any:
                raise StripeTrouble("no answer")

        key = comparison.start(now=shop.now)
        with pytest.raises(StripeTrouble):
            comparison.advance(key, gateway=Silent(), now=shop.now)
        assert comparison.unfinished(now=shop.now) == key


@pytest.fixture
def as_default(settings: Any, db: None) -> Iterator[Shop]:
    """A shop that entry points find by themselves: on a loopback port, and its clock is ours."""
    clock = Path(settings.CLOCK_FILE)
    shop = a_shop(wall=time.time, clock_file=clock)
    with served(shop.sandbox) as settings.STRIPE_API_BASE:
        yield shop
    clock.write_text("0", encoding="ascii")


@pytest.fixture
def rung() -> Iterator[Rung]:
    """What workers are rung for during a test, from the queue that the application's own settings name."""
    with current_app.connection() as broker:
        queue = broker.SimpleQueue(current_app.conf.task_default_queue)
        queue.clear()

        def take() -> list[tuple[str, dict[str, Any]]]:
            found = []
            # A list that is empty does not exist in Redis, so it cannot be measured: take until nothing is left.
            with suppress(queue.Empty):
                while message := queue.get(block=False):
                    message.ack()
                    found.append((message.headers["task"], message.payload[1]))
            return found

        yield take
        queue.clear()


class TestTasks:
    def test_events_end_in_a_look(self, as_default: Shop) -> None:
        customer = subscriber(as_default, known=False)
        as_default.tell()
        tasks.process_events(ids=inbox.due_ids(now=as_default.now, limit=99))
        assert customer.subscriptions.get().status == "active"
        assert (
            inbox.due_ids(now=as_default.now, limit=9) == sync.waiting_ids(now=as_default.now, limit=9) == []
        )

    def test_one_bad_row_holds_back_no_other(self, as_default: Shop) -> None:
        gone, odd, good = as_default.customer(), as_default.customer(), subscriber(as_default, known=False)
        Customer.objects.filter(pk=gone.pk).update(stripe_id="cus_unknown")
        # Stripe says otherwise, and then the reader has two: nobody expects that, and the database refuses it.
        Customer.objects.filter(pk=odd.pk).update(reader=good.reader, livemode=True)
        tasks.sync_customers(ids=[odd.pk, gone.pk, good.pk])
        assert "IntegrityError" in Customer.objects.get(pk=odd.pk).sync_error
        assert "StripeGone" in Customer.objects.get(pk=gone.pk).sync_error
        assert good.subscriptions.get().status == "active"

    def test_the_sweeper_rings_for_what_nobody_was_rung_for(self, as_default: Shop, rung: Rung) -> None:
        tasks.sweep()
        assert rung() == []
        customer = subscriber(as_default)
        sync.request([customer.pk], now=as_default.now)
        as_default.tell()
        run = comparison.start(now=as_default.now)
        tasks.sweep()
        assert rung() == [
            ("billing.process_events", {"ids": inbox.due_ids(now=as_default.now, limit=99)}),
            ("billing.sync_customers", {"ids": [customer.pk]}),
            ("billing.reconcile_further", {"run": run}),
        ]

    def test_after_too_long_an_absence_everything_is_compared(self, as_default: Shop) -> None:
        tasks.replay_events()
        assert not ReconcileRun.objects.exists()
        as_default.sandbox.advance(seconds=40 * 24 * 3600)
        tasks.replay_events()
        assert ReconcileRun.objects.get().finished_at is not None

    def test_so_is_it_where_the_replay_itself_is_cut_short(self, as_default: Shop) -> None:
        tasks.replay_events()
        as_default.sandbox.advance(seconds=40 * 24 * 3600)
        as_default.sandbox.world.faults.add(
            Fault(target="api", kind="status", match="GET /v1/events", status=503, left=9)
        )
        with pytest.raises(StripeTrouble):
            tasks.replay_events()
        assert comparison.unfinished(now=as_default.now) is not None

    def test_every_scheduled_task_exists(self, settings: Any) -> None:
        known = {getattr(task, "name", "") for task in vars(tasks).values()}
        scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}
        assert {name for name in scheduled if name.startswith("billing.")} <= known

    def test_each_of_them_runs(self, as_default: Shop) -> None:
        subscriber(as_default)
        tasks.sweep_boundaries()
        tasks.sweep_stale()
        tasks.refresh_catalogue()
        tasks.reconcile()
        tasks.remind_readers()
        assert ReconcileRun.objects.get().equal == 1


class TestCommands:
    def call(self, *words: str) -> str:
        out = StringIO()
        call_command(*words, stdout=out, stderr=StringIO())
        return out.getvalue()

    def test_reconcile_reports_and_repairs(self, as_default: Shop) -> None:
        subscriber(as_default)
        subscriber(as_default, known=False)
        said = self.call("reconcile")
        assert "unknown here" in said
        moment = ReconcileRun.objects.get().started_at.isoformat(timespec="seconds")
        assert f"1 of 2 subscriptions proven equal to Stripe at {moment}, 1 repaired" in said
        assert "2 of 2" in self.call("reconcile")

    def test_a_dry_run_changes_nothing(self, as_default: Shop) -> None:
        customer = subscriber(as_default)
        as_default.gateway.cancel_now(subscription=customer.subscriptions.get().stripe_id, key="end")
        said = self.call("reconcile", "--dry-run")
        assert "status: active, not canceled" in said
        assert "0 of 1" in said
        assert customer.subscriptions.get().status == "active"
        assert not ReconcileRun.objects.exists()

    def test_sync_customer_finds_them_by_any_name(self, as_default: Shop) -> None:
        customer = subscriber(as_default, known=False)
        for who in (customer.reader.email.upper(), customer.reader.public_id, customer.stripe_id):
            assert "done" in self.call("sync_customer", who)
        with pytest.raises(CommandError, match="Nobody"):
            self.call("sync_customer", "nobody@example.org")

    def test_sync_customer_takes_over_whom_only_stripe_knows(self, as_default: Shop) -> None:
        reader = a_reader()
        made = as_default.gateway.create_customer(
            email=reader.email, reader=reader.public_id, key="elsewhere"
        )
        assert "done" in self.call("sync_customer", made)
        assert reader.customers.get().stripe_id == made

    def test_replay_events_says_how_many(self, as_default: Shop) -> None:
        subscriber(as_default)
        assert "events looked at" in self.call("replay_events", "--hours", "24")
        assert StripeEvent.objects.exists()
