"""Only what names our products is on sale; archived stays known; a typing error at Stripe breaks nothing."""

from __future__ import annotations

import pytest

from billing import catalogue
from billing.errors import NotOnSale
from billing.models import Plan, Price
from tests.billing.market import Market


def names(product: str | None = None) -> list[str]:
    return [offer.plan.name for offer in catalogue.on_sale(product=product)]


def refresh(market: Market) -> catalogue.Refreshed:
    return catalogue.refresh(gateway=market.gateway)


def test_plans_on_sale_come_with_their_prices_cheapest_first(market: Market) -> None:
    culture, premium = catalogue.on_sale()
    assert (culture.plan.name, premium.plan.name) == ("Culture", "Premium")
    assert [price.slug for price in premium.prices] == ["premium_monthly", "premium_yearly"]
    assert [price.text for price in premium.prices] == ["€9.90 a month", "€99.00 a year"]


def test_a_product_narrows_the_plans(market: Market) -> None:
    assert names("culture") == ["Culture"]
    assert names("sports") == []


def test_other_products_on_the_account_are_ignored(market: Market) -> None:
    market.price(market.product("Mugs"), slug="mug_club", amount=1500)
    refresh(market)
    assert names() == ["Culture", "Premium"]
    assert not Plan.objects.filter(name="Mugs").exists()


def test_one_plan_may_unlock_several_products(market: Market) -> None:
    market.price(market.product("Everything", unlocks="premium, culture"), slug="all_monthly", amount=1290)
    refresh(market)
    assert catalogue.find("all_monthly").plan.unlocks == ["culture", "premium"]
    assert names("culture") == ["Culture", "Everything"]


def test_a_plan_that_names_an_unknown_product_is_refused_with_a_line(market: Market, caplog) -> None:
    plan = market.product("Sports", unlocks="sports")
    market.price(plan, slug="sports_monthly", amount=490)
    assert refresh(market).refused == (plan,)
    assert plan in caplog.text
    with pytest.raises(NotOnSale):
        catalogue.find("sports_monthly")


def test_a_typing_error_in_a_plan_on_sale_changes_nothing(market: Market) -> None:
    plan = Plan.objects.get(name="Premium")
    market.sdk.v1.products.update(plan.stripe_id, {"metadata": {"unlocks": "premum"}})
    refresh(market)
    assert names() == ["Culture", "Premium"]
    assert catalogue.find("premium_monthly").plan.unlocks == ["premium"]


def test_a_plan_that_unlocks_nothing_any_more_is_off_sale_but_keeps_what_it_gave(market: Market) -> None:
    plan = Plan.objects.get(name="Premium")
    market.sdk.v1.products.update(plan.stripe_id, {"metadata": {"unlocks": ""}})
    refresh(market)
    plan.refresh_from_db()
    assert names() == ["Culture"]
    assert plan.unlocks == ["premium"]


def test_an_archived_price_is_off_sale_and_stays_known(market: Market) -> None:
    price = Price.objects.get(slug="premium_yearly")
    market.sdk.v1.prices.update(price.stripe_id, {"active": False})
    refresh(market)
    with pytest.raises(NotOnSale):
        catalogue.find("premium_yearly")
    assert Price.objects.filter(stripe_id=price.stripe_id, active=False).exists()


def test_a_name_may_move_to_a_new_price(market: Market) -> None:
    plan = Plan.objects.get(name="Premium")
    old = Price.objects.get(slug="premium_monthly")
    market.sdk.v1.prices.create(
        {
            "product": plan.stripe_id,
            "currency": "eur",
            "unit_amount": 1190,
            "lookup_key": "premium_monthly",
            "transfer_lookup_key": True,
            "recurring": {"interval": "month"},
        }
    )
    refresh(market)
    assert catalogue.find("premium_monthly").unit_amount == 1190
    assert Price.objects.get(pk=old.pk).slug == ""


def test_refreshing_again_changes_nothing(market: Market) -> None:
    before = list(Price.objects.order_by("pk").values())
    refresh(market)
    assert list(Price.objects.order_by("pk").values()) == before
