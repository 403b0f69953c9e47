"""Disputes and warnings of fraud: staff hear of each once, readers are not dunned, the bank's verdict decides."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.models import Mail, User
from billing import alerts, inbox, leftovers, outlook, refunding, sync
from billing.errors import RefundRefused
from billing.models import Alert, Dispute, Invoice, RefundOrder, StripeEvent
from billing.refunding import Wish
from billing.snapshots import Access
from tests.billing.market import Market
from tests.billing.test_refunding import reads
from tests.factories.accounts import a_member_of_staff, a_reader

DISPUTED_AT_ONCE = "4000000000000259"


@pytest.fixture
def reader(market: Market) -> User:
    reader = a_reader()
    market.buy(reader)
    return reader


@pytest.fixture
def charge(reader: User) -> str:
    return Invoice.objects.get(customer__reader=reader).charge


def hear(market: Market) -> None:
    """Bring all news to the inbox and do what is due."""
    everything = market.gateway.events(
        since=market.now.replace(year=2000), until=market.now.replace(year=2100)
    )
    inbox.receive_missed(everything, now=market.now)
    for event in inbox.due_ids(now=market.now, limit=1000):
        inbox.process(event, gateway=market.gateway, now=market.now)
    for customer in sync.waiting_ids(now=market.now, limit=1000):
        leftovers.look(customer, gateway=market.gateway, now=market.now)


def give_back(market: Market) -> None:
    """Give all of the one invoice back, from one form however often."""
    wish = Wish(key="refund-1", amount=990, reason="asked", access=Access.KEEP, seen=0)
    refunding.refund(
        Invoice.objects.get(), wish=wish, by=a_member_of_staff(), gateway=market.gateway, now=market.now
    )


class TestDispute:
    def test_staff_are_told_once_with_the_last_day_for_evidence(
        self, market: Market, reader: User, charge: str, settings: Any
    ) -> None:
        settings.ALERTS_TO = ("desk@news.example", "chief@news.example")
        market.sandbox.dispute(charge)
        hear(market)
        market.look(reader)
        ours = Dispute.objects.get()
        assert (ours.amount, ours.status, ours.invoice) == (990, "needs_response", Invoice.objects.get())
        alert = Alert.objects.get()
        assert (alert.kind, alert.due_by) == ("dispute", ours.due_by)
        mails = Mail.objects.filter(kind="alert")
        assert {mail.to for mail in mails} == {"desk@news.example", "chief@news.example"}
        assert all(f"/admin/billing/alert/{alert.pk}/" in mail.text for mail in mails)

    def test_the_reader_reads_on_and_is_not_dunned(
        self, market: Market, reader: User, charge: str, settings: Any
    ) -> None:
        settings.ACCESS_AFTER_REFUND = "withdraw"
        before = set(Mail.objects.values_list("kind", flat=True))
        market.sandbox.dispute(charge)
        hear(market)
        assert reads(reader, market)
        assert set(Mail.objects.values_list("kind", flat=True)) == before

    def test_won_it_passes_by_itself(self, market: Market, charge: str) -> None:
        dispute = market.sandbox.dispute(charge)
        hear(market)
        market.sdk.v1.disputes.update(dispute, {"evidence": {"uncategorized_text": "winning_evidence"}})
        hear(market)
        assert Dispute.objects.get().status == "won"
        assert not alerts.waiting().exists()

    def test_while_the_bank_decides_there_is_nothing_to_hand_in(self, market: Market, charge: str) -> None:
        dispute = market.sandbox.dispute(charge)
        hear(market)
        market.sdk.v1.disputes.update(dispute, {"evidence": {"uncategorized_text": "see the logs"}})
        hear(market)
        assert (Dispute.objects.get().status, alerts.waiting().get().due_by) == ("under_review", None)

    @pytest.mark.parametrize(("policy", "reads_on"), [("keep", True), ("withdraw", False)])
    def test_lost_the_policy_decides_and_staff_are_told(
        self, market: Market, charge: str, settings: Any, policy: str, *, reads_on: bool
    ) -> None:
        settings.ACCESS_AFTER_REFUND = policy
        reader = User.objects.get(is_staff=False)
        dispute = market.sandbox.dispute(charge)
        hear(market)
        market.sdk.v1.disputes.close(dispute)
        hear(market)
        assert reads(reader, market) is reads_on
        assert alerts.waiting().get().kind == "dispute_lost"
        (theirs,) = market.objects("subscription")
        assert (theirs["status"] == "active") is reads_on
        state = outlook.of(reader, now=market.now)
        assert state is not None
        assert ("contested" in state.status_text) is not reads_on
        assert not Mail.objects.filter(kind__startswith="payment_").exists()

    def test_what_the_bank_took_back_is_not_given_back_as_well(self, market: Market, charge: str) -> None:
        market.sandbox.dispute(charge)
        for _click in range(2):
            with pytest.raises(RefundRefused, match="disputed"):
                give_back(market)
        assert not market.objects("refund")

    def test_where_we_know_of_it_stripe_is_not_asked(self, market: Market, charge: str) -> None:
        market.sandbox.dispute(charge)
        market.look(User.objects.get(customers__isnull=False))
        with pytest.raises(RefundRefused, match="disputed"):
            give_back(market)
        assert not RefundOrder.objects.exists()

    def test_after_an_inquiry_it_may_be_given_back(self, market: Market, charge: str) -> None:
        market.sandbox.dispute(charge, inquiry=True)
        give_back(market)
        assert [one["amount"] for one in market.objects("refund")] == [990]

    def test_an_inquiry_is_shown_too(self, market: Market, charge: str) -> None:
        market.sandbox.dispute(charge, inquiry=True)
        hear(market)
        assert alerts.waiting().get().text.endswith("warning needs response")

    def test_one_whose_news_was_lost_is_seen_by_any_look(self, market: Market) -> None:
        reader = a_reader()
        market.buy(reader, card=DISPUTED_AT_ONCE)
        market.look(reader)
        assert Dispute.objects.get().status == "needs_response"


class TestWarning:
    def test_staff_are_told_and_the_link_leads_to_the_payment(self, market: Market, charge: str) -> None:
        market.sandbox.warn_of_fraud(charge)
        hear(market)
        alert = alerts.waiting().get()
        assert (alert.kind, alert.customer) == ("fraud_warning", Invoice.objects.get().customer)
        assert alerts.at_stripe(alert) == f"https://dashboard.stripe.com/test/payments/{charge}"

    def test_a_look_leaves_it_open_and_the_event_again_changes_nothing(
        self, market: Market, reader: User, charge: str
    ) -> None:
        market.sandbox.warn_of_fraud(charge)
        hear(market)
        market.look(reader)
        told = StripeEvent.objects.filter(type__startswith="radar.")
        inbox.again(told.values_list("pk", flat=True), now=market.now)
        hear(market)
        assert alerts.waiting().count() == 1

    def test_once_all_was_given_back_nothing_is_to_be_done(self, market: Market, charge: str) -> None:
        warning = market.sandbox.warn_of_fraud(charge)
        hear(market)
        market.sdk.v1.refunds.create({"charge": charge})
        theirs = market.gateway.fraud_warning(warning)
        alerts.take_warning(theirs, customer=Invoice.objects.get().customer, now=market.now)
        assert not alerts.waiting().exists()
