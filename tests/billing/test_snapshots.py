"""The only parser: shapes of the pinned API version in, frozen values out; of events, ids of any version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from billing import snapshots
from billing.snapshots import Status
from tests.factories.billing import an_event

RECORDED = Path(__file__).parent.parent / "stripe_events"
PINNED = "2026-10-28.endive"


def recorded(name: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return event


def about(name: str) -> dict[str, Any]:
    found: dict[str, Any] = recorded(f"{name}.{PINNED}")["data"]["object"]
    return found


class TestSubscription:
    def test_reads_the_pinned_shape(self) -> None:
        raw = about("customer.subscription.updated")
        theirs = snapshots.subscription(raw)
        (item,) = theirs.items
        assert (theirs.status, theirs.raw_status, theirs.automatic) == (Status.PAST_DUE, "past_due", True)
        assert (
            theirs.period_ends_at
            == item.period_ends_at
            == snapshots.moment(raw["items"]["data"][0]["current_period_end"])
        )
        assert (item.unit_amount, item.currency, item.interval, item.interval_count) == (
            990,
            "eur",
            "month",
            1,
        )
        assert (theirs.scheduled_end, theirs.pause_behavior) == (None, "")

    def test_takes_references_as_ids_or_as_objects(self) -> None:
        raw = about("customer.subscription.updated")
        expanded = {
            **raw,
            "customer": {"id": raw["customer"], "object": "customer"},
            "latest_invoice": {"id": raw["latest_invoice"], "object": "invoice"},
            "default_payment_method": {"id": raw["default_payment_method"], "object": "payment_method"},
        }
        assert snapshots.subscription(expanded) == snapshots.subscription(raw)

    def test_keeps_a_status_that_nobody_knows_yet(self) -> None:
        theirs = snapshots.subscription({**about("customer.subscription.updated"), "status": "hibernating"})
        assert (theirs.status, theirs.raw_status) == (Status.UNKNOWN, "hibernating")
        assert theirs.status.is_open

    def test_does_without_what_may_be_absent(self) -> None:
        bare = {"id": "sub_1", "customer": "cus_1", "status": "canceled", "created": 1}
        theirs = snapshots.subscription(bare)
        assert (theirs.items, theirs.period_ends_at, theirs.default_card) == ((), None, None)
        assert theirs.starts_at == theirs.created_at == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)

    def test_leaves_out_deleted_items(self) -> None:
        raw = about("customer.subscription.updated")
        (item,) = raw["items"]["data"]
        theirs = snapshots.subscription({**raw, "items": {"data": [item, {**item, "deleted": True}]}})
        assert len(theirs.items) == 1

    @pytest.mark.parametrize(
        ("fields", "end"),
        [
            ({}, None),
            ({"cancel_at": 2_000_000_000}, datetime(2033, 5, 18, 3, 33, 20, tzinfo=UTC)),
            (
                {"cancel_at": 2_000_000_000, "cancel_at_period_end": True},
                datetime(2033, 5, 18, 3, 33, 20, tzinfo=UTC),
            ),
        ],
    )
    def test_an_end_may_be_scheduled_by_date_alone(
        self, fields: dict[str, Any], end: datetime | None
    ) -> None:
        assert (
            snapshots.subscription({**about("customer.subscription.updated"), **fields}).scheduled_end == end
        )

    def test_an_end_may_be_scheduled_by_the_flag_alone(self) -> None:
        theirs = snapshots.subscription(
            {**about("customer.subscription.updated"), "cancel_at_period_end": True}
        )
        assert theirs.scheduled_end == theirs.period_ends_at


class TestInvoice:
    def test_reads_the_pinned_shape(self) -> None:
        raw = about("invoice.payment_failed")
        theirs = snapshots.invoice(raw)
        assert (theirs.status, theirs.attempted, theirs.attempt_count) == ("open", True, 1)
        assert theirs.subscription == about("customer.subscription.updated")["id"]
        assert theirs.amount_due == theirs.amount_remaining == 990
        assert theirs.finalized_at is not None
        assert theirs.next_payment_attempt is not None

    def test_says_why_the_payment_failed_and_with_which_card(self) -> None:
        intent = {
            "id": "pi_1",
            "status": "requires_payment_method",
            "last_payment_error": {
                "code": "card_declined",
                "decline_code": "insufficient_funds",
                "payment_method": {"id": "pm_9", "object": "payment_method"},
            },
        }
        theirs = snapshots.invoice(about("invoice.payment_failed"), payment_intent=intent)
        assert (theirs.failure_code, theirs.needs_action, theirs.failed_card) == (
            "insufficient_funds",
            False,
            "pm_9",
        )

    @pytest.mark.parametrize(
        "intent",
        [
            {"status": "requires_action"},
            {"status": "requires_payment_method", "last_payment_error": {"code": "authentication_required"}},
        ],
    )
    def test_knows_both_ways_in_which_a_bank_asks_for_a_confirmation(self, intent: dict[str, Any]) -> None:
        assert snapshots.invoice(about("invoice.payment_failed"), payment_intent=intent).needs_action

    def test_names_the_payment_that_is_tried(self) -> None:
        def payment(intent: str, **fields: Any) -> dict[str, Any]:
            return {"payment": {"type": "payment_intent", "payment_intent": intent}, **fields}

        payments = [
            payment("pi_old", created=1, is_default=False),
            payment("pi_default", created=2, is_default=True),
            payment("pi_other", created=3, is_default=False),
        ]
        assert snapshots.payment_intent_of({"payments": {"data": payments}}) == "pi_default"
        assert snapshots.payment_intent_of({"payments": {"data": [{"payment": {"type": "charge"}}]}}) is None
        assert snapshots.payment_intent_of({}) is None


class TestOthers:
    def test_reads_a_card_and_a_means_that_is_none(self) -> None:
        theirs = snapshots.card(about("payment_method.detached"))
        assert (theirs.brand, theirs.last4, theirs.customer) == ("visa", "4242", None)
        debit = snapshots.card(
            {"id": "pm_2", "type": "sepa_debit", "customer": "cus_1", "created": 1790000000}
        )
        assert (debit.brand, debit.last4, debit.exp_year) == ("", "", None)

    def test_reads_a_checkout_session(self) -> None:
        theirs = snapshots.checkout(about("checkout.session.completed"))
        assert (theirs.mode, theirs.status) == ("subscription", "complete")
        assert theirs.subscription == about("customer.subscription.updated")["id"]
        assert theirs.card is None

    def test_reads_the_card_that_a_form_stored_where_it_is_expanded(self) -> None:
        raw = {
            **about("checkout.session.completed"),
            "setup_intent": {"id": "seti_1", "payment_method": "pm_1"},
        }
        assert snapshots.checkout(raw).card == "pm_1"

    def test_reads_customers_also_deleted_ones(self) -> None:
        gone = snapshots.customer({"id": "cus_1", "object": "customer", "deleted": True})
        assert (gone.deleted, gone.email, gone.default_card) == (True, "", None)
        legacy = snapshots.customer({"id": "cus_1", "email": "Ann@Example.org", "default_source": "card_1"})
        assert (legacy.email, legacy.default_card) == ("ann@example.org", "card_1")

    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("premium", ("premium",)),
            ("premium, culture", ("premium", "culture")),
            ("premium culture premium", ("premium", "culture")),
            ("", ()),
            (None, ()),
        ],
    )
    def test_reads_what_a_product_unlocks(self, written: str | None, read: tuple[str, ...]) -> None:
        product = {"id": "prod_1", "active": True, "name": "Premium", "metadata": {"unlocks": written}}
        price = {"id": "price_1", "active": True, "currency": "eur", "unit_amount": 990, "product": product}
        assert snapshots.price(price).unlocks == read

    def test_a_product_that_is_not_expanded_or_deleted_unlocks_nothing(self) -> None:
        price = {"id": "price_1", "active": True, "currency": "eur", "product": "prod_1"}
        assert snapshots.price(price).unlocks == ()
        assert snapshots.price({**price, "product": {"id": "prod_1", "deleted": True}}).unlocks == ()


class TestEvent:
    @pytest.mark.parametrize("file", sorted(path.stem for path in RECORDED.glob("*.json")))
    def test_reads_the_ids_of_any_version(self, file: str) -> None:
        raw = recorded(file)
        event = snapshots.event(raw)
        assert (event.id, event.type, event.api_version) == (raw["id"], raw["type"], raw["api_version"])
        assert event.object_id == raw["data"]["object"]["id"]
        if "detached" not in file:
            assert (event.customer or "").startswith("cus_")

    def test_of_a_customer_the_customer_is_the_object(self) -> None:
        assert snapshots.event(an_event()).customer == "cus_1"

    def test_a_preview_has_no_id(self) -> None:
        event = snapshots.event(
            an_event("invoice.upcoming", about={"object": "invoice", "customer": "cus_1"})
        )
        assert (event.object_id, event.customer) == ("", "cus_1")

    @pytest.mark.parametrize("chosen", ["premium.monthly", "Gold plan / month", "SUMMER 25 %", "Übersee"])
    def test_takes_ids_that_an_owner_chose(self, chosen: str) -> None:
        about = {"id": chosen, "object": "price"}
        assert snapshots.event(an_event("price.updated", about=about)).object_id == chosen

    @pytest.mark.parametrize("odd", ["a\0b", "line\nbreak", "\ud800", "x" * 81, 7, ["cus_1"]])
    def test_an_id_that_no_column_holds_is_no_id(self, odd: Any) -> None:
        for about in ({"id": odd, "object": "price"}, {"id": odd, "object": "customer"}):
            with pytest.raises(ValueError, match="event"):
                snapshots.event(an_event("price.updated", about=about))

    @pytest.mark.parametrize("odd", ["a\0b", "\ud800", "x" * 61, 7, ["2026"], None])
    def test_a_version_that_no_column_holds_is_none(self, odd: Any) -> None:
        assert snapshots.event(an_event(api_version=odd)).api_version == ""

    def test_knows_what_happened_to_a_connected_account(self) -> None:
        assert not snapshots.event(an_event()).is_of_another_account
        assert snapshots.event(an_event(account="acct_1")).is_of_another_account

    @pytest.mark.parametrize("odd", ["false", 0, None, []])
    def test_a_mode_is_true_or_false(self, odd: Any) -> None:
        with pytest.raises(ValueError, match="mode"):
            snapshots.event(an_event(livemode=odd))

    @pytest.mark.parametrize("broken", [{}, {"id": "evt_1"}, [], None, "evt_1", an_event(created="soon")])
    def test_anything_else_is_no_event(self, broken: Any) -> None:
        with pytest.raises(ValueError, match="event"):
            snapshots.event(broken)
