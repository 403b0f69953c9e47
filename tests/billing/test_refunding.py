"""Money given back: as much as there is and once, whoever clicks; and what becomes of reading."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from django.db import connection

from accounts.models import Mail, User
from billing import leftovers, outlook, reconciliation, refunding, returns, sync
from billing.errors import RefundRefused, StripeTrouble
from billing.models import Alert, Invoice, Refund, RefundOrder, Subscription
from billing.refunding import Wish
from billing.snapshots import Access
from paywall import entitlements
from paywall.models import Entitlement
from tests.billing.market import Market
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.billing import DAY

PENDING_REFUND, FAILING_REFUND = "4000000000007726", "4000000000005126"


@pytest.fixture
def reader(market: Market) -> User:
    reader = a_reader()
    market.buy(reader)
    return reader


@pytest.fixture
def staff(db: None) -> User:
    return a_member_of_staff()


def wish(amount: int = 990, *, key: str = "refund-1", access: Access = Access.KEEP, seen: int = 0) -> Wish:
    return Wish(key=key, amount=amount, reason="asked on the phone", access=access, seen=seen)


def give_back(market: Market, staff: User, wished: Wish, *, invoice: Invoice | None = None) -> RefundOrder:
    chosen = invoice or Invoice.objects.get()
    return refunding.refund(chosen, wish=wished, by=staff, gateway=market.gateway, now=market.now)


def reads(reader: User, market: Market) -> bool:
    return any(
        grant.starts_at <= market.now and (grant.ends_at is None or market.now < grant.ends_at)
        for grant in entitlements.snapshot(reader, now=market.now)
    )


class TestGivingBack:
    def test_a_whole_invoice_goes_back_to_the_card_and_reading_goes_on(
        self, market: Market, reader: User, staff: User
    ) -> None:
        order = give_back(market, staff, wish())
        assert order.state == RefundOrder.State.DONE
        (theirs,) = market.objects("refund")
        assert (theirs["amount"], theirs["metadata"]) == (990, {"order": "refund-1", "access": "keep"})
        ours = Refund.objects.get()
        assert (ours.amount, ours.status, ours.invoice, ours.last4) == (
            990,
            "succeeded",
            order.invoice,
            "4242",
        )
        assert reads(reader, market)
        assert Subscription.objects.get().status == "active"

    @pytest.mark.usefixtures("reader")
    def test_parts_add_up_to_what_was_paid_and_no_further(self, market: Market, staff: User) -> None:
        give_back(market, staff, wish(400))
        with pytest.raises(RefundRefused, match=r"At most €5\.90"):
            give_back(market, staff, wish(600, key="refund-2", seen=400))
        give_back(market, staff, wish(590, key="refund-3", seen=400))
        with pytest.raises(RefundRefused, match=r"At most €0\.00"):
            give_back(market, staff, wish(1, key="refund-4", seen=990))
        assert returns.refunded(Invoice.objects.get()) == 990

    @pytest.mark.usefixtures("reader")
    def test_a_double_click_is_one_refund(self, market: Market, staff: User) -> None:
        first = give_back(market, staff, wish(300))
        again = give_back(market, staff, wish(300))
        assert first.pk == again.pk
        assert len(market.objects("refund")) == 1

    @pytest.mark.usefixtures("reader")
    def test_whoever_looked_before_somebody_else_gave_back_looks_again(
        self, market: Market, staff: User
    ) -> None:
        give_back(market, staff, wish(300, key="refund-1"))
        with pytest.raises(RefundRefused, match=r"Meanwhile €3\.00"):
            give_back(market, a_member_of_staff("other@desk.example"), wish(300, key="refund-2", seen=0))
        assert len(market.objects("refund")) == 1

    @pytest.mark.usefixtures("reader")
    def test_what_the_dashboard_gave_back_counts(self, market: Market, staff: User) -> None:
        market.sdk.v1.refunds.create({"charge": Invoice.objects.get().charge, "amount": 900})
        with pytest.raises(RefundRefused, match=r"Meanwhile €9\.00"):
            give_back(market, staff, wish(990))

    @pytest.mark.usefixtures("reader")
    def test_a_lost_answer_is_the_same_wish(self, market: Market, staff: User) -> None:
        market.fault(target="api", kind="drop_request", match="POST /v1/refunds", left=3)
        with pytest.raises(StripeTrouble):
            give_back(market, staff, wish())
        assert RefundOrder.objects.get().state == RefundOrder.State.OPEN
        market.fault(target="api", kind="drop_response", match="POST /v1/refunds")
        assert give_back(market, staff, wish()).state == RefundOrder.State.DONE
        assert len(market.objects("refund")) == 1

    def test_a_wish_nobody_is_at_any_more_is_fulfilled_by_whoever_looks(
        self, market: Market, reader: User, staff: User
    ) -> None:
        RefundOrder.objects.create(
            key="refund-9",
            invoice=Invoice.objects.get(),
            amount=990,
            reason="its click died",
            access=Access.WITHDRAW,
            by=staff,
            started_at=market.now - DAY,
        )
        assert leftovers.customers(now=market.now) == {market.customer(reader).pk}
        assert reconciliation.sweep_boundaries(now=market.now) == 1
        leftovers.look(market.customer(reader).pk, gateway=market.gateway, now=market.now)
        assert RefundOrder.objects.get().state == RefundOrder.State.DONE
        assert Subscription.objects.get().status == "canceled"
        assert leftovers.customers(now=market.now) == set()

    def test_a_wish_that_was_fulfilled_and_not_noted_is_not_fulfilled_again(
        self, market: Market, reader: User, staff: User
    ) -> None:
        give_back(market, staff, wish(400))
        RefundOrder.objects.update(state=RefundOrder.State.OPEN, started_at=market.now - 2 * DAY)
        leftovers.look(market.customer(reader).pk, gateway=market.gateway, now=market.now)
        assert RefundOrder.objects.get().state == RefundOrder.State.DONE
        assert len(market.objects("refund")) == 1

    def test_what_no_payment_of_ours_paid_cannot_be_given_back(
        self, market: Market, reader: User, staff: User
    ) -> None:
        market.fail_renewal(reader)
        unpaid = Invoice.objects.get(status="open")
        with pytest.raises(RefundRefused):
            give_back(market, staff, wish(), invoice=unpaid)


@pytest.mark.django_db(transaction=True)
class TestAtTheSameMoment:
    @pytest.mark.usefixtures("reader")
    def test_ten_clicks_by_two_members_of_staff_give_back_once(self, market: Market, staff: User) -> None:
        invoice = Invoice.objects.get()
        other = a_member_of_staff("other@desk.example")
        told: list[str] = []

        def click(number: int) -> None:
            by, key = (staff, "refund-a") if number % 2 else (other, "refund-b")
            try:
                refunding.refund(
                    invoice, wish=wish(990, key=key), by=by, gateway=market.gateway, now=market.now
                )
                told.append("done")
            except (RefundRefused, StripeTrouble) as refusal:
                told.append(type(refusal).__name__)
            finally:
                connection.close()

        clicks = [threading.Thread(target=click, args=(number,)) for number in range(10)]
        for thread in clicks:
            thread.start()
        for thread in clicks:
            thread.join()
        assert len(told) == 10
        assert [one["amount"] for one in market.objects("refund")] == [990]


class TestReading:
    def test_withdrawn_it_ends_with_the_refund_and_nothing_is_charged_again(
        self, market: Market, reader: User, staff: User
    ) -> None:
        give_back(market, staff, wish(access=Access.WITHDRAW))
        assert not reads(reader, market)
        assert {one["status"] for one in market.objects("subscription")} == {"canceled"}
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert "given back" in state.status_text
        told = [row.trouble for row in Entitlement.objects.filter(reader=reader, superseded_at=None)]
        assert [trouble["cause"] for trouble in told if trouble] == ["refunded"], "explain says why"
        market.pass_time(reader, months=2)
        assert len(market.objects("invoice")) == 1

    def test_a_part_with_reading_withdrawn_ends_it_too(
        self, market: Market, reader: User, staff: User
    ) -> None:
        give_back(market, staff, wish(100, access=Access.WITHDRAW))
        assert not reads(reader, market)

    @pytest.mark.parametrize(("policy", "reads_on"), [("keep", True), ("withdraw", False)])
    def test_of_the_dashboards_whole_refund_the_policy_decides(
        self, market: Market, reader: User, settings: Any, policy: str, reads_on: bool
    ) -> None:
        settings.ACCESS_AFTER_REFUND = policy
        market.sdk.v1.refunds.create({"charge": Invoice.objects.get().charge})
        market.look(reader)
        assert reads(reader, market) is reads_on
        leftovers.clear(market.customer(reader).pk, gateway=market.gateway, now=market.now)
        (theirs,) = market.objects("subscription")
        assert (theirs["status"] == "active") is reads_on

    def test_a_partial_refund_in_the_dashboard_takes_nothing_away(
        self, market: Market, reader: User, settings: Any
    ) -> None:
        settings.ACCESS_AFTER_REFUND = "withdraw"
        market.sdk.v1.refunds.create({"charge": Invoice.objects.get().charge, "amount": 989})
        market.look(reader)
        assert reads(reader, market)

    def test_money_for_an_earlier_period_takes_nothing_away(
        self, market: Market, reader: User, settings: Any
    ) -> None:
        settings.ACCESS_AFTER_REFUND = "withdraw"
        first = Invoice.objects.get()
        market.pass_time(reader, months=1)
        market.sdk.v1.refunds.create({"charge": first.charge})
        market.look(reader)
        assert reads(reader, market)

    def test_a_reader_after_it_may_subscribe_again(self, market: Market, reader: User, staff: User) -> None:
        give_back(market, staff, wish(access=Access.WITHDRAW))
        market.buy(reader)
        assert reads(reader, market)

    def test_told_from_nothing_it_ends_equal(self, market: Market, reader: User, staff: User) -> None:
        """A backup that knows of neither wish nor refund learns both from Stripe."""
        give_back(market, staff, wish(100, access=Access.WITHDRAW))
        before = list(entitlements.snapshot(reader, now=market.now))
        RefundOrder.objects.all().delete()
        Refund.objects.all().delete()
        Subscription.objects.update(status="active", ended_at=None, withdrawn_at=None)
        market.look(reader)
        assert list(entitlements.snapshot(reader, now=market.now)) == before
        assert Subscription.objects.get().withdrawn_because == "refunded"


class TestMails:
    def test_the_reader_is_told_once_how_much_went_to_which_card(
        self, market: Market, reader: User, staff: User
    ) -> None:
        give_back(market, staff, wish(400))
        market.look(reader)
        mail = Mail.objects.get(kind="refunded")
        assert mail.to == reader.email
        assert "€4.00" in mail.subject
        assert "Visa •••• 4242" in mail.text
        assert "as before" in mail.text

    def test_a_pending_refund_is_told_when_it_is_done(self, market: Market, staff: User) -> None:
        reader = a_reader()
        market.buy(reader, card=PENDING_REFUND)
        give_back(market, staff, wish())
        assert Refund.objects.get().status == "pending"
        assert not Mail.objects.filter(kind="refunded").exists()
        market.pass_time(reader, seconds=2 * 3600)
        assert Mail.objects.filter(kind="refunded").count() == 1

    def test_what_happened_long_ago_is_no_news(self, market: Market, reader: User) -> None:
        market.sdk.v1.refunds.create({"charge": Invoice.objects.get().charge, "amount": 100})
        market.pass_time(reader, seconds=11 * 24 * 3600)
        assert not Mail.objects.filter(kind="refunded").exists()


class TestFailing:
    def test_a_refund_that_fails_is_left_to_give_back_and_staff_hear_of_it(
        self, market: Market, staff: User, settings: Any
    ) -> None:
        settings.ALERTS_TO = ("desk@news.example",)
        reader = a_reader()
        market.buy(reader, card=FAILING_REFUND)
        give_back(market, staff, wish())
        market.pass_time(reader, seconds=2 * 3600)
        assert Refund.objects.get().status == "failed"
        assert returns.left(Invoice.objects.get()) == 990
        alert = Alert.objects.get()
        assert (alert.kind, alert.closed_at) == ("refund_failed", None)
        market.look(reader)
        assert Mail.objects.filter(kind="alert", to="desk@news.example").count() == 1

    def test_the_sync_of_who_never_got_anything_back_costs_one_call_more(
        self, market: Market, reader: User
    ) -> None:
        asked: list[str] = []
        market.sandbox.world.faults.take = lambda _kind, what: asked.append(what)  # type: ignore[method-assign]
        sync.request([market.customer(reader).pk], now=market.now)
        sync.customer(market.customer(reader).pk, gateway=market.gateway, now=market.now)
        assert len(asked) == 5, asked
