"""Disputes of what is paid once: staff hear of each, a verdict decides, and whatever was lost on the way ends equal."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts.models import Mail, User
from billing import alerts, catalogue, holdings, presents, redeeming, tasks
from billing.errors import GiftCodeRefused, PresentRefused
from billing.models import Alert, DayPass, Dispute, Present
from paywall import entitlements
from tests.billing.market import Market
from tests.billing.test_disputes import hear
from tests.billing.test_passes import buy as buy_pass
from tests.billing.test_presents import bought, redeemed
from tests.billing.test_sales_compared import compare_all, told
from tests.factories.accounts import a_member_of_staff, a_reader


@pytest.fixture
def counter(market: Market) -> Market:
    """A market that sells a day, and half a year as a gift."""
    market.once(market.product("A day", unlocks="premium"), slug="premium_day", amount=250, lasts_hours="24")
    gift = market.product("A gift", unlocks="premium")
    market.once(gift, slug="premium_gift", amount=5900, gift_months="6")
    catalogue.refresh(gateway=market.gateway)
    return market


@pytest.fixture
def reader(counter: Market) -> User:
    return a_reader()


def contest(market: Market, *, inquiry: bool = False) -> str:
    """Let the holder of the card contest the newest payment; return the dispute."""
    return market.sandbox.dispute(market.objects("charge")[-1]["id"], inquiry=inquiry)


def decide(market: Market, dispute: str, verdict: str) -> None:
    evidence: Any = {"evidence": {"uncategorized_text": f"{verdict}_evidence"}}
    market.sdk.v1.disputes.update(dispute, evidence)


def look(market: Market) -> Present:
    return presents.look(Present.objects.get(), gateway=market.gateway, now=market.now)


def redeem(market: Market, present: Present, reader: User) -> Present:
    return redeeming.redeem(presents.code_of(present), reader=reader, gateway=market.gateway, now=market.now)


def reads(reader: User, market: Market) -> bool:
    is_held = bool(holdings.of(reader, now=market.now))
    assert bool(entitlements.snapshot(reader, now=market.now)) is is_held
    return is_held


def mails() -> dict[str, list[str]]:
    """Return the states of the mails about gifts, by kind."""
    found: dict[str, list[str]] = {}
    for kind, state in (
        Mail.objects.filter(kind__startswith="present_").order_by("pk").values_list("kind", "state")
    ):
        found.setdefault(kind, []).append(state)
    return found


class TestStaff:
    def test_they_are_told_once_of_a_gift_that_is_nobodys(self, counter: Market, settings: Any) -> None:
        settings.ALERTS_TO = ("desk@news.example",)
        present = bought(counter)
        dispute = contest(counter)
        for _ in range(2):
            hear(counter)
            look(counter)
        ours = Dispute.objects.get()
        assert (ours.stripe_id, ours.customer, ours.present) == (dispute, None, present)
        alert = Alert.objects.get()
        assert (alert.kind, alert.customer, alert.due_by) == ("dispute", None, ours.due_by)
        assert f"gift {present.pk}" in alert.text
        assert alerts.at_stripe(alert) == f"https://dashboard.stripe.com/test/disputes/{dispute}"
        assert [mail.to for mail in Mail.objects.filter(kind="alert")] == ["desk@news.example"]

    def test_they_are_told_of_a_pass(self, counter: Market, reader: User) -> None:
        buy_pass(counter, reader)
        contest(counter)
        hear(counter)
        assert (alerts.waiting().get().kind, Dispute.objects.get().customer) == (
            "dispute",
            counter.customer(reader),
        )

    @pytest.mark.parametrize(("verdict", "open_ones"), [("winning", []), ("losing", ["dispute_lost"])])
    def test_decided_it_passes_and_one_that_was_lost_waits_for_them(
        self, counter: Market, verdict: str, open_ones: list[str]
    ) -> None:
        bought(counter)
        dispute = contest(counter)
        hear(counter)
        decide(counter, dispute, verdict)
        hear(counter)
        assert [alert.kind for alert in alerts.waiting()] == open_ones

    def test_a_warning_of_fraud_about_a_gift_is_an_alert(self, counter: Market) -> None:
        bought(counter)
        counter.sandbox.warn_of_fraud(counter.objects("charge")[-1]["id"])
        for _ in range(2):
            hear(counter)
        assert (alerts.waiting().get().kind, alerts.waiting().get().customer) == ("fraud_warning", None)

    def test_they_see_it_in_the_admin(self, counter: Market, client: Client) -> None:
        present = bought(counter)
        contest(counter)
        hear(counter)
        client.force_login(a_member_of_staff())
        gift = reverse("admin:billing_present_change", args=[present.pk])
        for row in (Dispute.objects.get(), Alert.objects.get()):
            name = f"admin:billing_{row._meta.model_name}"
            assert client.get(reverse(f"{name}_changelist")).status_code == 200
            assert gift in client.get(reverse(f"{name}_change", args=[row.pk])).content.decode()
        assert "a bank decides" in client.get(gift).content.decode()

    def test_they_cannot_give_back_what_the_bank_has(self, counter: Market) -> None:
        present = bought(counter)
        contest(counter)
        hear(counter)
        with pytest.raises(PresentRefused, match="disputed"):
            presents.refund(present, reason="Sorry", gateway=counter.gateway, now=counter.now)
        tasks.look_after_presents()
        assert counter.objects("refund") == []


class TestRedeemed:
    @pytest.mark.parametrize("policy", ["keep", "withdraw"])
    def test_a_claim_is_no_verdict(self, counter: Market, reader: User, settings: Any, policy: str) -> None:
        settings.ACCESS_AFTER_REFUND = policy
        redeemed(counter, reader)
        contest(counter)
        hear(counter)
        assert reads(reader, counter)

    @pytest.mark.parametrize(("policy", "reads_on"), [("keep", True), ("withdraw", False)])
    def test_lost_the_policy_decides(
        self, counter: Market, reader: User, settings: Any, policy: str, *, reads_on: bool
    ) -> None:
        settings.ACCESS_AFTER_REFUND = policy
        present = redeemed(counter, reader)
        dispute = contest(counter)
        hear(counter)
        decide(counter, dispute, "losing")
        hear(counter)
        assert reads(reader, counter) is reads_on
        assert Present.objects.get().withdrawn_because == ("" if reads_on else "disputed")
        if reads_on:
            assert redeem(counter, present, reader) == present
        else:
            with pytest.raises(GiftCodeRefused):
                redeem(counter, present, reader)

    def test_won_nothing_has_changed(self, counter: Market, reader: User, settings: Any) -> None:
        settings.ACCESS_AFTER_REFUND = "withdraw"
        redeemed(counter, reader)
        before = entitlements.snapshot(reader, now=counter.now)
        dispute = contest(counter)
        hear(counter)
        decide(counter, dispute, "winning")
        hear(counter)
        assert entitlements.snapshot(reader, now=counter.now) == before


class TestNotRedeemed:
    @pytest.mark.parametrize("is_lost", [False, True])
    def test_what_the_bank_took_back_is_void(
        self, counter: Market, reader: User, client: Client, *, is_lost: bool
    ) -> None:
        present = bought(counter)
        dispute = contest(counter)
        if is_lost:
            decide(counter, dispute, "losing")
        with pytest.raises(GiftCodeRefused):  # although nobody has told us yet
            redeem(counter, present, reader)
        hear(counter)
        page = client.get("/gift-subscription/given/", {"key": present.key}).content.decode()
        assert presents.code_of(present) not in page
        assert "disputed at the bank" in page
        assert not Mail.objects.filter(kind="present_bought", state="queued").exists()
        assert not Present.objects.to_send(at=counter.now).exists()

    def test_won_it_is_good_again(self, counter: Market, reader: User) -> None:
        present = bought(counter)
        dispute = contest(counter)
        hear(counter)
        decide(counter, dispute, "winning")
        hear(counter)
        assert Present.objects.get().dispute == ""
        assert redeem(counter, present, reader).redeemed_by == reader

    def test_won_the_recipient_is_told_after_all_and_once(self, counter: Market) -> None:
        bought(counter, recipient_email="niece@example.org")
        tasks.look_after_presents()
        assert mails() == {"present_bought": ["queued"], "present_for_you": ["queued"]}
        dispute = contest(counter)
        hear(counter)
        tasks.look_after_presents()
        assert mails() == {}
        decide(counter, dispute, "winning")
        for _ in range(2):
            hear(counter)
            look(counter)
            tasks.look_after_presents()
        assert mails() == {"present_bought": ["queued"], "present_for_you": ["queued"]}

    @pytest.mark.parametrize("leased_for", [None, timedelta(minutes=2)])
    def test_who_was_told_is_not_told_again(self, counter: Market, leased_for: timedelta | None) -> None:
        """A mail that has gone, or that a worker has in hand, has told them."""
        bought(counter, recipient_email="niece@example.org")
        tasks.look_after_presents()
        if leased_for:
            Mail.objects.update(leased_until=counter.now + leased_for)
        else:
            Mail.objects.update(state="sent")
        before = Present.objects.get().told_at
        dispute = contest(counter)
        hear(counter)
        decide(counter, dispute, "winning")
        hear(counter)
        tasks.look_after_presents()
        assert Mail.objects.filter(kind="present_for_you").count() == 1
        assert Present.objects.get().told_at == before

    def test_lost_nobody_is_told(self, counter: Market) -> None:
        bought(counter, recipient_email="niece@example.org")
        tasks.look_after_presents()
        dispute = contest(counter)
        hear(counter)
        decide(counter, dispute, "losing")
        hear(counter)
        tasks.look_after_presents()
        assert mails() == {}

    def test_an_inquiry_leaves_it_good(self, counter: Market, reader: User) -> None:
        present = bought(counter)
        contest(counter, inquiry=True)
        hear(counter)
        assert redeem(counter, present, reader).redeemed_by == reader
        assert alerts.waiting().get().kind == "dispute"


class TestPass:
    @pytest.mark.parametrize(("policy", "reads_on"), [("keep", True), ("withdraw", False)])
    def test_lost_the_policy_decides(
        self, counter: Market, reader: User, settings: Any, policy: str, *, reads_on: bool
    ) -> None:
        settings.ACCESS_AFTER_REFUND = policy
        buy_pass(counter, reader)
        dispute = contest(counter)
        hear(counter)
        assert reads(reader, counter)
        decide(counter, dispute, "losing")
        hear(counter)
        assert reads(reader, counter) is reads_on
        assert DayPass.objects.get().withdrawn_because == ("" if reads_on else "disputed")

    def test_won_it_opens_on(self, counter: Market, reader: User, settings: Any) -> None:
        settings.ACCESS_AFTER_REFUND = "withdraw"
        buy_pass(counter, reader)
        decide(counter, contest(counter), "winning")
        hear(counter)
        assert reads(reader, counter)


class TestWhateverWasLost:
    def test_the_comparison_finds_it_and_then_all_is_equal(
        self, counter: Market, reader: User, settings: Any
    ) -> None:
        settings.ACCESS_AFTER_REFUND = "withdraw"
        redeemed(counter, reader)
        dispute = contest(counter)
        assert told(compare_all(counter)) == (
            2,
            2,
            [f"{dispute}: needs_response 5900 at Stripe, unknown here"],
        )
        assert alerts.waiting().get().kind == "dispute"
        decide(counter, dispute, "losing")
        assert told(compare_all(counter)) == (2, 2, [f"{dispute}: needs_response 5900, not lost 5900"])
        assert not reads(reader, counter)
        assert told(compare_all(counter)) == (2, 2, [])

    def test_the_comparison_finds_a_warning(self, counter: Market) -> None:
        bought(counter)
        counter.sandbox.warn_of_fraud(counter.objects("charge")[-1]["id"])
        assert len(compare_all(counter).drift) == 1
        assert alerts.waiting().get().kind == "fraud_warning"
        assert told(compare_all(counter)) == (2, 2, [])

    def test_a_look_alone_finds_a_verdict(self, counter: Market, reader: User, settings: Any) -> None:
        settings.ACCESS_AFTER_REFUND = "withdraw"
        redeemed(counter, reader)
        decide(counter, contest(counter), "losing")
        look(counter)
        assert not reads(reader, counter)
        assert Dispute.objects.get().status == "lost"

    def test_a_backup_that_forgot_the_gift_ends_equal(
        self, counter: Market, reader: User, settings: Any
    ) -> None:
        settings.ACCESS_AFTER_REFUND = "withdraw"
        redeemed(counter, reader)
        decide(counter, contest(counter), "losing")
        entitlements.replace(reader, source=Present.objects.get().source, grants=(), now=counter.now)
        Present.objects.all().delete()
        compare_all(counter)
        assert Present.objects.get().withdrawn_because == "disputed"
        assert not reads(reader, counter)
        assert told(compare_all(counter)) == (2, 2, [])

    def test_a_dispute_is_of_a_customer_or_a_gift(self, counter: Market) -> None:
        bought(counter)
        contest(counter)
        hear(counter)
        with pytest.raises(IntegrityError), transaction.atomic():
            Dispute.objects.update(present=None)
