"""What an operator types: each command says what it did, can be cut short, and does nothing in a dry run."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User
from billing import comparison, inbox, reconciliation
from billing.models import Cursor, Customer, ReconcileRun, StripeEvent
from paywall import entitlements
from tests.billing.market import Market
from tests.factories.accounts import a_reader

pytestmark = pytest.mark.django_db
SECOND, DAY = timedelta(seconds=1), timedelta(days=1)


def call(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out, stderr=StringIO())
    return out.getvalue()


def a_dead_event(name: str = "evt_dead", *, market: Market) -> StripeEvent:
    known = {"type": "customer.updated", "livemode": False, "state": StripeEvent.State.DEAD, "attempts": 8}
    moments = dict.fromkeys(("created_at", "received_at", "next_attempt_at"), market.now)
    return StripeEvent.objects.create(event_id=name, last_error="StripeRefused: no", **known, **moments)


class TestRetryEvents:
    def test_puts_back_what_was_given_up(self, market: Market) -> None:
        event = a_dead_event(market=market)
        assert "1 events would be" in call("retry_events", "--dry-run")
        assert inbox.due_ids(now=market.now + SECOND, limit=9) == []
        assert "evt_dead: dead StripeRefused: no\n1 events will be" in call("retry_events")
        assert inbox.due_ids(now=market.now + SECOND, limit=9) == [event.pk]
        assert "0 events will be" in call("retry_events")

    def test_puts_back_what_is_named_whatever_became_of_it(self, market: Market) -> None:
        a_dead_event(market=market)
        ignored = a_dead_event("evt_ignored", market=market)
        StripeEvent.objects.filter(pk=ignored.pk).update(state=StripeEvent.State.IGNORED)
        call("retry_events", "evt_ignored")
        assert inbox.due_ids(now=market.now + SECOND, limit=9) == [ignored.pk]
        with pytest.raises(CommandError, match="evt_nowhere"):
            call("retry_events", "evt_ignored", "evt_nowhere")


class TestReplayEvents:
    def test_a_dry_run_lists_what_is_missing(self, market: Market) -> None:
        market.buy(a_reader())
        said = call("replay_events", "--dry-run")
        assert "customer.subscription.created evt_" in said
        assert not StripeEvent.objects.exists()
        assert not Cursor.objects.exists()
        call("replay_events")
        assert "0 events are missing here" in call("replay_events", "--dry-run")

    def test_goes_back_to_a_day_or_a_moment(self, market: Market) -> None:
        began = market.now
        market.buy(a_reader())
        market.sandbox.advance(seconds=3 * 86400)
        Cursor.objects.create(name="events", moved_at=market.now)
        call("replay_events")
        assert not StripeEvent.objects.exists()
        call("replay_events", "--since", f"{began:%Y-%m-%d}")
        made = StripeEvent.objects.filter(created_at__gte=began).count()
        assert made > 0
        assert f"{made} events looked at" in call("replay_events", "--since", began.isoformat())

    @pytest.mark.usefixtures("market")
    def test_says_what_stripe_no_longer_keeps(self) -> None:
        assert "run `reconcile` as well" in call("replay_events", "--since", "2020-01-01T00:00:00Z")

    @pytest.mark.parametrize("odd", ["yesterday", "2026-13-45", "2026-11-25T99:00:00Z"])
    def test_refuses_what_is_no_moment(self, odd: str) -> None:
        with pytest.raises(CommandError, match="--since"):
            call("replay_events", "--since", odd)

    def test_never_begins_later_than_where_the_last_one_stopped(self, market: Market) -> None:
        reconciliation.replay(gateway=market.gateway, now=market.now)
        market.buy(a_reader())
        market.sandbox.advance(seconds=10 * 3600)
        call("replay_events", "--hours", "1")
        assert StripeEvent.objects.exists(), "what was made between then and an hour ago"

    def test_says_how_to_go_on(self, market: Market) -> None:
        reconciliation.replay(gateway=market.gateway, now=market.now)
        market.sandbox.advance(seconds=20 * 3600)
        market.fault(target="api", kind="slow", match="GET /v1/events", seconds=0.0, left=1)
        market.fault(target="api", kind="status", match="GET /v1/events", status=503, left=99)
        with pytest.raises(CommandError, match=r"Go on with: manage.py replay_events --since 20\d\d-"):
            call("replay_events")


class TestSyncCustomer:
    def test_everybody(self, market: Market) -> None:
        readers = [a_reader(), a_reader()]
        for reader in readers:
            market.buy(reader)
        before = market.now.isoformat()
        market.sandbox.advance(seconds=60)
        assert "2 customers would be" in call("sync_customer", "--all", "--dry-run")
        assert "2 of 2 customers looked at" in call("sync_customer", "--all")
        assert set(Customer.objects.values_list("synced_at__minute", flat=True)) == {market.now.minute}
        assert "0 of 0" in call("sync_customer", "--all", "--before", before)

    def test_stops_where_stripe_refuses_everybody(self, market: Market) -> None:
        for _number in range(6):
            Customer.objects.create(
                stripe_id=f"cus_unknown{_number}", reader=a_reader(), created_at=market.now
            )
        with pytest.raises(CommandError, match=r"Go on with: manage\.py sync_customer --all --before 20"):
            call("sync_customer", "--all")
        assert Customer.objects.filter(sync_attempts=0).count() == 1

    def test_a_dry_run_of_one_shows_what_is_known(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader)
        looked_at = market.customer(reader).synced_at
        market.sandbox.advance(seconds=60)
        assert "active until" in call("sync_customer", reader.email, "--dry-run")
        assert market.customer(reader).synced_at == looked_at

    @pytest.mark.parametrize("words", [(), ("ann@example.org", "--all"), ("--all", "--before", "noon")])
    def test_refuses_what_says_nobody_or_too_much(self, words: tuple[str, ...]) -> None:
        with pytest.raises(CommandError):
            call("sync_customer", *words)


class AnImpatientScreen(StringIO):
    """Lets Ctrl-C be pressed as soon as progress is seen."""

    def write(self, text: str) -> int:
        if "…" in text:
            signal.raise_signal(signal.SIGINT)
        return super().write(text)


class TestStopped:
    @pytest.fixture(autouse=True)
    def _at_a_terminal(self) -> Iterator[None]:
        """Let Ctrl-C work as where somebody types: a program begun in the background is not told of it."""
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        yield
        signal.signal(signal.SIGINT, before)

    @pytest.mark.parametrize(
        ("words", "how_to_go_on"),
        [
            (("reconcile",), "Run it again to go on"),
            (("replay_events", "--hours", "20"), r"Go on with: manage\.py replay_events --since 20"),
            (("sync_customer", "--all"), r"Go on with: manage\.py sync_customer --all --before 20"),
        ],
    )
    def test_says_how_to_go_on_and_does(
        self, words: tuple[str, ...], how_to_go_on: str, market: Market
    ) -> None:
        market.buy(a_reader())
        market.sandbox.advance(seconds=60)
        with pytest.raises(CommandError, match=how_to_go_on) as stopped:
            call_command(*words, stdout=StringIO(), stderr=AnImpatientScreen())
        assert stopped.value.returncode == 130
        call(*words)
        assert words[0] != "reconcile" or ReconcileRun.objects.get().equal == 1


class TestReconcile:
    def test_anew_it_speaks_of_now_although_another_had_begun(self, market: Market) -> None:
        market.buy(a_reader())
        old = comparison.start(now=market.now - DAY)
        ReconcileRun.objects.filter(pk=old).update(cursor="sub_passed", checked=7, equal=7)
        said = call("reconcile", "--anew")
        assert f"1 of 1 subscriptions proven equal to Stripe at {market.now:%Y-%m-%d}" in said
        assert ReconcileRun.objects.get().pk == old

    def test_repeats_its_report(self, market: Market) -> None:
        with pytest.raises(CommandError, match="Nothing"):
            call("reconcile", "--report")
        market.buy(a_reader())
        assert call("reconcile") == call("reconcile", "--report")


def forget(reader: User) -> None:
    """Make it as if a backup from before the sign-up had been restored."""
    reader.open_products.all().delete()
    reader.checkout_attempts.all().delete()
    reader.mails.all().delete()
    Customer.objects.filter(reader=reader).delete()
    reader.entitlements.all().delete()
    reader.delete()


class TestRecoverReaders:
    @pytest.fixture
    def forgotten(self, market: Market) -> User:
        reader = a_reader("ann@example.org")
        market.buy(reader)
        forget(User.objects.get(pk=reader.pk))
        return reader

    def test_makes_them_again_and_what_they_pay_for_opens(self, forgotten: User, market: Market) -> None:
        assert "names no reader of ours" in call("reconcile")
        said = call("recover_readers", "--dry-run")
        assert f"ann@example.org ({forgotten.public_id})" in said
        assert not User.objects.filter(email="ann@example.org").exists()
        assert "1 of 1 readers made again" in call("recover_readers")
        again = User.objects.get(email="ann@example.org")
        assert (again.public_id, again.has_usable_password()) == (forgotten.public_id, False)
        assert "1 repaired" in call("reconcile")
        assert entitlements.snapshot(again, now=market.now) != ()
        assert "0 of 0" in call("recover_readers")

    @pytest.mark.usefixtures("forgotten")
    def test_whoever_signed_up_again_and_proved_the_address_is_that_reader(self, market: Market) -> None:
        newcomer = a_reader("ann@example.org", proven=False)
        assert "has not proven the address" in call("recover_readers")
        newcomer.vouch_for_email()
        assert "1 of 1 readers made again" in call("recover_readers")
        market.look(newcomer)
        assert entitlements.snapshot(newcomer, now=market.now) != ()

    @pytest.mark.usefixtures("forgotten")
    def test_whoever_pays_a_second_time_is_left_to_a_person(self, market: Market) -> None:
        market.buy(a_reader("ann@example.org"))
        assert "another customer meanwhile" in call("recover_readers")

    def test_others_on_the_same_account_are_left_alone(self, market: Market) -> None:
        known = a_reader()
        market.buy(known)
        assert "0 of 0" in call("recover_readers")
