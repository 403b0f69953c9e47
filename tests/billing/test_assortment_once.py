"""Day passes and gift subscriptions are stated in the file like every other price: read strictly, made once, kept."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from billing import assortment, catalogue, oneoff
from billing.errors import NotOnSale
from paywall.models import Product
from tests.billing.market import Market
from tests.billing.test_assortment import apply, propose, refused, texts, writes
from tests.billing.test_assortment_page import agree, look
from tests.factories.accounts import a_member_of_staff

KIOSK = """
[plan.paper]
name = "The paper"
unlocks = ["premium"]

[plan.paper.price.paper_monthly]
amount = 990
currency = "eur"
interval = "month"

[plan.paper.price.paper_day]
amount = 250
currency = "eur"
lasts_hours = 24

[plan.paper.price.paper_gift]
amount = 5900
currency = "eur"
gift_months = 6
"""


class TestApply:
    def test_both_are_made_with_their_words_and_on_sale(self, market: Market) -> None:
        assert texts(market, KIOSK) == [
            "Make the plan The paper (paper)",
            "Make the price paper_monthly: €9.90 a month",
            "Make the price paper_day: €2.50 for 24 hours",
            "Make the price paper_gift: €59.00 for 6 months",
        ]
        assert apply(market, KIOSK) == 4
        made = {price["lookup_key"]: price for price in market.objects("price")}
        assert (made["paper_day"]["metadata"], made["paper_day"]["recurring"]) == (
            {"lasts_hours": "24"},
            None,
        )
        assert (made["paper_gift"]["metadata"], made["paper_gift"]["type"]) == (
            {"gift_months": "6"},
            "one_time",
        )
        assert [(row.slug, row.lasts_hours) for row in oneoff.passes()] == [("paper_day", 24)]
        assert [(row.slug, row.months) for row in oneoff.presents()] == [("paper_gift", 6)]
        with pytest.raises(NotOnSale):
            catalogue.find("paper_day")

    def test_again_does_nothing(self, market: Market) -> None:
        apply(market, KIOSK)
        before = writes(market)
        assert apply(market, KIOSK) == 0
        assert writes(market) == before

    def test_a_rehearsal_changes_nothing(self, market: Market) -> None:
        before = writes(market)
        assert len(propose(market, KIOSK).steps) == 4
        assert writes(market) == before

    @pytest.mark.parametrize(
        ("before", "after", "said"),
        [
            ("lasts_hours = 24", "lasts_hours = 48", "paper_day: €2.50 for 2 days"),
            ("gift_months = 6", "gift_months = 12", "paper_gift: €59.00 for 12 months"),
            ("lasts_hours = 24", "gift_months = 1", "paper_day: €2.50 for 1 month"),
            ("lasts_hours = 24", 'interval = "day"', "paper_day: €2.50 a day"),
        ],
    )
    def test_for_another_time_it_is_a_new_price(
        self, market: Market, before: str, after: str, said: str
    ) -> None:
        """What is on its way at Checkout keeps what was promised for it."""
        apply(market, KIOSK)
        changed = KIOSK.replace(before, after)
        first, second = texts(market, changed)
        assert first == f"Make a new price {said}; who has the old one keeps it"
        assert second.startswith("Sell the price paper_")
        apply(market, changed)
        assert propose(market, changed).steps == ()
        assert apply(market, KIOSK) == 2

    def test_what_the_plan_no_longer_names_is_sold_no_more_and_may_come_back(self, market: Market) -> None:
        apply(market, KIOSK)
        without = KIOSK[: KIOSK.index("[plan.paper.price.paper_day]")]
        assert texts(market, without) == [
            "Sell the price paper_gift (€59.00 for 6 months) no more; who has it keeps it",
            "Sell the price paper_day (€2.50 for 24 hours) no more; who has it keeps it",
        ]
        apply(market, without)
        assert (oneoff.passes(), oneoff.presents()) == ((), ())
        apply(market, KIOSK)
        assert len(oneoff.passes()) == len(oneoff.presents()) == 1

    def test_a_product_that_says_it_for_all_its_prices_is_no_obstacle(self, market: Market) -> None:
        """What the price itself says comes first, or each run would make another."""
        apply(market, KIOSK)
        market.sdk.v1.products.update("paper", {"metadata": {"lasts_hours": "72"}})
        assert apply(market, KIOSK) == 0
        assert [row.lasts_hours for row in oneoff.passes()] == [24]
        assert [row.months for row in oneoff.presents()] == [6]

    def test_a_lost_answer_makes_nothing_twice(self, market: Market) -> None:
        market.fault(target="api", kind="drop_response", match="POST /v1/prices", left=3)
        apply(market, KIOSK)
        assert len([price for price in market.objects("price") if price["product"] == "paper"]) == 3


class TestMistakes:
    @pytest.mark.parametrize(
        ("before", "after", "said"),
        [
            ("lasts_hours = 24", "", "paper_day: needs interval, lasts_hours or gift_months"),
            ("lasts_hours = 24", "lasts_hours = 24\ngift_months = 6", "paper_day: is sold in one way only"),
            ("lasts_hours = 24", 'lasts_hours = 24\ninterval = "day"', "paper_day: is sold in one way only"),
            ("gift_months = 6", 'gift_months = 6\ninterval = "month"', "paper_gift: is sold in one way only"),
            ("lasts_hours = 24", 'lasts_hours = "1 day"', "lasts_hours: must be a whole number from 1 to 8784"),
            ("lasts_hours = 24", "lasts_hours = 1.5", "lasts_hours: must be a whole number from 1 to 8784"),
            ("lasts_hours = 24", "lasts_hours = 0", "lasts_hours: must be a whole number from 1 to 8784, not 0"),
            ("lasts_hours = 24", "lasts_hours = 8785", "lasts_hours: must be a whole number from 1 to 8784"),
            ("lasts_hours = 24", "lasts_days = 1", "paper_day.lasts_days: is not known here"),
            ("gift_months = 6", "gift_months = true", "gift_months: must be a whole number from 1 to 120"),
            ("gift_months = 6", "gift_months = 121", "gift_months: must be a whole number from 1 to 120, not 121"),
            ("gift_months = 6", "gift_years = 1", "paper_gift.gift_years: is not known here"),
            ("gift_months = 6", "gift_months = 6\ninterval_count = 2", "interval_count: goes with an interval"),
            ("lasts_hours = 24", "lasts_hours = 24\ntrial_days = 7", "trial_days: goes with an interval"),
            ("lasts_hours = 24", 'lasts_hours = 24\nintro = "hello"', "intro: goes with an interval"),
            ("amount = 250", "amount = 0", "paper_day.amount: must be a whole number from 1"),
            ('unlocks = ["premium"]', 'unlocks = ["premium"]\nseats = 5', "price.paper_day: is for one, and the plan"),
        ],
    )  # fmt: skip
    def test_each_is_told_with_its_place_and_nothing_is_written(
        self, market: Market, before: str, after: str, said: str
    ) -> None:
        assert before in KIOSK
        stock = writes(market)
        assert any(said in problem for problem in refused(market, KIOSK.replace(before, after)))
        assert writes(market) == stock

    def test_one_mistake_is_told_once(self, market: Market) -> None:
        for wrong in ("lasts_hours = 0", 'lasts_hours = "24"', ""):
            assert len(refused(market, KIOSK.replace("lasts_hours = 24", wrong))) == 1


class TestShow:
    def test_what_is_there_applied_changes_nothing(self, market: Market) -> None:
        apply(market, KIOSK)
        text = assortment.show(gateway=market.gateway)
        assert "lasts_hours = 24\n" in text
        assert "gift_months = 6\n" in text
        assert propose(market, text).steps == ()

    def test_what_is_sold_once_and_does_not_say_for_how_long_is_none_of_ours(self, market: Market) -> None:
        apply(market, KIOSK)
        market.once("paper", slug="mug", amount=1500)
        assert "mug" not in assortment.show(gateway=market.gateway)
        assert propose(market, KIOSK).steps == ()


def test_staff_see_and_apply_it_on_the_page(client: Client, market: Market) -> None:
    client.force_login(a_member_of_staff())
    shown = look(client, KIOSK)
    assert "Make the price paper_day: €2.50 for 24 hours" in shown.content.decode()
    assert agree(client, KIOSK, agreed=shown.context["proposal"].digest).status_code == 302
    assert "lasts_hours = 24" in client.get("/admin/billing/plan/state/").content.decode()
    assert oneoff.find_present("paper_gift") is not None


def test_the_demo_sells_a_pass_and_gifts(market: Market) -> None:
    Product.objects.get_or_create(slug="culture", defaults={"name": "Culture"})
    demo = (Path(settings.BASE_DIR) / "config" / "demo_catalogue.toml").read_text(encoding="utf-8")
    apply(market, demo)
    assert [row.text for row in oneoff.passes()] == ["€2.50 for 24 hours"]
    assert [row.months for row in oneoff.presents()] == [6, 12]
    assert propose(market, demo).steps == ()
