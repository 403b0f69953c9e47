"""What is sold is stated in a file: read strictly, rehearsed, applied once, and gone on with where it was cut short."""

from __future__ import annotations

from contextlib import suppress
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from billing import assortment, catalogue
from billing.errors import NotOnSale, StatementRefused, StripeTrouble
from billing.models import OutboundCall, Plan, Price
from tests.billing.market import Market
from tests.factories.accounts import a_reader

BOOKS = """
[plan.everything]
name = "Everything"
description = "All that we write."
unlocks = ["premium", "culture"]

[plan.everything.price.everything_monthly]
amount = 1290
currency = "eur"
interval = "month"
intro = "hello"

[plan.everything.price.everything_yearly_chf]
amount = 14900
currency = "chf"
interval = "year"
trial_days = 14
trial_card = "if_needed"

[coupon.hello]
name = "Three months for half"
percent_off = 50
duration = "repeating"
months = 3
plans = ["everything"]

[code.HARBOUR]
coupon = "hello"
max_redemptions = 100
expires_at = 2027-06-01T00:00:00Z
"""


def propose(market: Market, text: str) -> assortment.Proposal:
    return assortment.propose(text, gateway=market.gateway, now=market.now)


def apply(market: Market, text: str) -> int:
    """Apply a file; return how many steps it took."""
    proposal = propose(market, text)
    assortment.apply(proposal, gateway=market.gateway, now=market.now)
    return len(proposal.steps)


def texts(market: Market, text: str) -> list[str]:
    return [step.text for step in propose(market, text).steps]


def refused(market: Market, text: str) -> tuple[str, ...]:
    with pytest.raises(StatementRefused) as refusal:
        propose(market, text)
    return refusal.value.problems


def writes(market: Market) -> list[object]:
    return [
        {key: value for key, value in thing.items() if key != "updated"}
        for kind in ("product", "price", "coupon", "promotion_code")
        for thing in market.objects(kind)
    ]


class TestApply:
    def test_all_of_it_is_made_and_on_sale(self, market: Market) -> None:
        assert apply(market, BOOKS) == 5
        price = catalogue.find("everything_monthly")
        assert (price.plan.name, price.plan.unlocks) == ("Everything", ["culture", "premium"])
        assert (price.unit_amount, price.currency, price.interval) == (1290, "eur", "month")
        assert catalogue.find("everything_yearly_chf").trial_days == 14
        assert [code["code"] for code in market.objects("promotion_code")] == ["HARBOUR"]

    def test_again_does_nothing(self, market: Market) -> None:
        apply(market, BOOKS)
        before = writes(market)
        assert apply(market, BOOKS) == 0
        assert writes(market) == before

    def test_a_rehearsal_says_all_and_changes_nothing(self, market: Market) -> None:
        before = writes(market)
        assert texts(market, BOOKS) == [
            "Make the coupon hello",
            "Make the plan Everything (everything)",
            "Make the price everything_monthly: €12.90 a month",
            "Make the price everything_yearly_chf: CHF149.00 a year",
            "Make the code HARBOUR",
        ]
        assert writes(market) == before
        assert not OutboundCall.objects.filter(purpose="catalogue").exists()

    def test_another_amount_is_a_new_price_and_who_has_the_old_one_keeps_it(self, market: Market) -> None:
        apply(market, BOOKS)
        reader = a_reader()
        market.buy(reader, "everything_monthly")
        old = catalogue.find("everything_monthly")
        dearer = BOOKS.replace("amount = 1290", "amount = 1490")
        assert texts(market, dearer) == [
            "Make a new price everything_monthly: €14.90 a month; who has the old one keeps it",
            "Sell the price everything_monthly (€12.90 a month) no more; who has it keeps it",
        ]
        apply(market, dearer)
        new = catalogue.find("everything_monthly")
        assert (new.unit_amount, new.pk == old.pk) == (1490, False)
        old.refresh_from_db()
        assert (old.active, old.slug) == (False, "")
        market.look(reader)
        assert market.customer(reader).subscriptions.get().items.get().unit_amount == 1290

    def test_there_and_back_within_a_day_makes_each_step_anew(self, market: Market) -> None:
        for amount in (1290, 1490, 1290, 1490):
            apply(market, BOOKS.replace("amount = 1290", f"amount = {amount}"))
            assert catalogue.find("everything_monthly").unit_amount == amount
        for is_sold in ("true", "false", "true", "false"):
            apply(market, BOOKS.replace('name = "Everything"', f'name = "Everything"\non_sale = {is_sold}'))
            assert any(offer.plan.name == "Everything" for offer in catalogue.on_sale()) is (
                is_sold == "true"
            )

    def test_a_price_that_the_plan_no_longer_names_is_sold_no_more_and_may_come_back(
        self, market: Market
    ) -> None:
        apply(market, BOOKS)
        start, end = BOOKS.index("[plan.everything.price.everything_yearly_chf]"), BOOKS.index("[coupon")
        assert apply(market, BOOKS[:start] + BOOKS[end:]) == 1
        with pytest.raises(NotOnSale):
            catalogue.find("everything_yearly_chf")
        assert texts(market, BOOKS) == ["Sell the price everything_yearly_chf again"]
        apply(market, BOOKS)
        assert catalogue.find("everything_yearly_chf").active

    def test_a_plan_for_groups_says_how_many_read(self, market: Market) -> None:
        for seats in (5, 6, 0):
            line = f"seats = {seats}\n" if seats else ""
            text = BOOKS.replace(
                'unlocks = ["premium", "culture"]\n', f'unlocks = ["premium", "culture"]\n{line}'
            )
            assert apply(market, text) > 0
            assert propose(market, text).steps == ()
            assert Plan.objects.get(stripe_id="everything").seats == seats
            shown = assortment.show(gateway=market.gateway)
            assert ("seats" in shown, propose(market, shown).steps) == (bool(seats), ())

    def test_plans_that_the_file_does_not_name_are_left_and_told(self, market: Market) -> None:
        assert len(propose(market, BOOKS).left_alone) == 2
        apply(market, BOOKS)
        assert catalogue.find("premium_monthly").active

    def test_the_price_that_stripe_shows_first_is_archived_too(self, market: Market) -> None:
        apply(market, BOOKS)
        old = catalogue.find("everything_monthly")
        market.sdk.v1.products.update("everything", {"default_price": old.stripe_id})
        apply(market, BOOKS.replace("amount = 1290", "amount = 1490"))
        assert not market.sdk.v1.prices.retrieve(old.stripe_id).active

    def test_a_code_that_is_used_up_is_not_made_anew(self, market: Market) -> None:
        apply(market, BOOKS)
        next(market.sandbox.world.store.all("promotion_code"))["times_redeemed"] = 100
        assert apply(market, BOOKS) == 0

    def test_a_code_taken_off_by_hand_is_as_the_file_says(self, market: Market) -> None:
        apply(market, BOOKS)
        code = market.objects("promotion_code")[0]["id"]
        market.sdk.v1.promotion_codes.update(code, {"active": False})
        assert texts(market, BOOKS) == ["Let the code HARBOUR be used again"]
        assert texts(market, BOOKS + "active = false") == []

    def test_a_code_with_other_terms_takes_the_place_of_the_first(self, market: Market) -> None:
        apply(market, BOOKS)
        apply(market, BOOKS.replace("max_redemptions = 100", "max_redemptions = 50"))
        codes = {code["max_redemptions"]: code["active"] for code in market.objects("promotion_code")}
        assert codes == {100: False, 50: True}


class TestCutShort:
    @pytest.mark.parametrize("done", range(7))
    def test_after_any_step_it_is_gone_on_with(self, market: Market, done: int) -> None:
        """Whatever was done by then, doing it again ends where an uninterrupted run ends."""
        apply(market, BOOKS)
        changed = BOOKS.replace("1290", "1490").replace('"month"', '"year"').replace('"HARBOUR"', '"HARBOR"')
        changed = changed.replace("max_redemptions = 100", "max_redemptions = 9").replace("chf]", "chf_2]")
        proposal = propose(market, changed)
        taken: list[object] = []

        class Killed(BaseException):
            """The process ends here."""

        def tell(step: object) -> None:
            taken.append(step)
            if len(taken) >= done:
                raise Killed

        with suppress(Killed):
            assortment.apply(proposal, gateway=market.gateway, now=market.now, tell=tell)
        apply(market, changed)
        assert propose(market, changed).steps == ()
        assert catalogue.find("everything_monthly").interval == "year"
        on_sale = [p for p in market.objects("price") if p["product"] == "everything" and p["active"]]
        assert len(on_sale) == 2

    def test_a_lost_answer_makes_nothing_twice(self, market: Market) -> None:
        market.fault(target="api", kind="drop_response", match="POST /v1/prices", left=2)
        apply(market, BOOKS)
        made = [price for price in market.objects("price") if price["product"] == "everything"]
        assert len(made) == 2
        assert propose(market, BOOKS).steps == ()

    def test_stripe_away_in_the_middle_is_trouble_and_gone_on_with(self, market: Market) -> None:
        market.fault(target="api", kind="status", match="POST /v1/prices", status=429, left=9)
        with pytest.raises(StripeTrouble):
            apply(market, BOOKS)
        market.sandbox.world.faults.clear()
        assert apply(market, BOOKS) == 3
        assert propose(market, BOOKS).steps == ()


class TestMistakes:
    @pytest.mark.parametrize(
        ("before", "after", "said"),
        [
            ("amount = 1290", "amount = 12.90", "plan.everything.price.everything_monthly.amount: must be a whole"),
            ("amount = 1290", "amount = true", "everything_monthly.amount: must be a whole"),
            ("amount = 1290", "", "everything_monthly.amount: is missing"),
            ("amount = 1290", "amount = -5", "everything_monthly.amount: must be a whole"),
            ('"eur"', '"euro"', "everything_monthly.currency: 'euro' is no currency"),
            ('interval = "month"', 'interval = "fortnight"', "interval: must be one of day, month, week, year"),
            ('interval = "month"', 'interval = "month"\ninterval_count = 37', "from 1 to 36, not 37"),
            ('"culture"]', '"cultur"]', "plan.everything.unlocks: 'cultur' is no product here"),
            ('unlocks = ["premium", "culture"]', "", "plan.everything.unlocks: names no product"),
            ('unlocks = ["premium"', 'seats = 0\nunlocks = ["premium"', "plan.everything.seats: must be a whole"),
            ('name = "Everything"', 'nam = "Everything"', "plan.everything.name: is missing"),
            ('name = "Everything"', 'name = "E"\nprise = 3', "plan.everything.prise: is not known here"),
            ("trial_days = 14", "", "trial_card: needs trial_days"),
            ("trial_days = 14", 'trial_days = 14\nintro = "hello"', "intro: goes with no trial"),
            ('intro = "hello"', 'intro = "hallo"', "intro: the file has no such coupon"),
            ('"repeating"\nmonths = 3', '"forever"', "intro: a coupon for ever is no beginning"),
            ("percent_off = 50", "", "coupon.hello: needs percent_off or amount_off"),
            ("percent_off = 50", "percent_off = 101", "coupon.hello.percent_off: must be a number"),
            ("percent_off = 50", 'amount_off = 100\ncurrency = "chf"', "intro: the coupon is in another currency"),
            ("months = 3", "", "coupon.hello.months: goes with the duration"),
            ('plans = ["everything"]', 'plans = ["all"]', "coupon.hello.plans: the file has no plan all"),
            ('coupon = "hello"', 'coupon = "hallo"', "code.HARBOUR.coupon: the file has no such coupon"),
            ("2027-06-01T00:00:00Z", "2027-06-01", "code.HARBOUR.expires_at: must be a moment with its zone"),
            ("[coupon.hello]", "[coupons.hello]", "coupons: is not known here"),
            ("[plan.everything]", "[plan]\nx = 3\n[plan.everything]", "plan.x: must be a table"),
        ],
    )  # fmt: skip
    def test_each_is_told_with_its_place_and_nothing_is_written(
        self, market: Market, before: str, after: str, said: str
    ) -> None:
        assert before in BOOKS
        text = BOOKS.replace(before, after)
        assert any(said in problem for problem in refused(market, text))

    def test_the_same_name_twice_is_told_by_line_or_plan(self, market: Market) -> None:
        twice = BOOKS + "[plan.everything.price.everything_monthly]\namount = 1"
        assert "line" in refused(market, twice)[0]
        other = BOOKS + BOOKS[: BOOKS.index("[plan.everything.price.everything_yearly")].replace(
            "[plan.everything", "[plan.other"
        )
        assert refused(market, other) == (
            "plan.other.price.everything_monthly: plan.everything has this name too.",
            "plan.other.price.everything_monthly.intro: the coupon is not for this plan.",
        )

    def test_no_toml_at_all(self, market: Market) -> None:
        assert "line 1" in refused(market, "plan: everything")[0]

    def test_all_mistakes_are_told_at_once(self, market: Market) -> None:
        text = BOOKS.replace("amount = 1290", "amount = 12.90").replace('"culture"]', '"cultur"]')
        assert len(refused(market, text)) == 2

    def test_a_coupon_never_changes_what_it_takes_off(self, market: Market) -> None:
        apply(market, BOOKS)
        assert refused(market, BOOKS.replace("percent_off = 50", "percent_off = 60")) == (
            "coupon.hello: a coupon never changes what it takes off. Choose another name.",
        )

    def test_only_currencies_that_the_site_sells_in(self, market: Market, settings) -> None:
        settings.CURRENCIES = ("eur", "gbp")
        (said,) = refused(market, BOOKS)
        assert said.startswith(
            "plan.everything.price.everything_yearly_chf.currency: 'chf' is none that this"
        )


class TestShow:
    def test_what_is_there_applied_changes_nothing(self, market: Market) -> None:
        apply(market, BOOKS)
        text = assortment.show(gateway=market.gateway)
        assert propose(market, text).steps == ()
        assert propose(market, text).left_alone == ()

    def test_odd_names_and_texts_come_through(self, market: Market) -> None:
        odd = 'He said: "1 \\ 2"\x7f\nand left'
        product = market.sdk.v1.products.create(
            {"name": 'Prix "été"', "description": odd, "metadata": {"unlocks": "premium"}}
        )
        market.price(product.id, slug="été/monthly", amount=1000, currency="jpy")
        text = assortment.show(gateway=market.gateway)
        assert propose(market, text).steps == ()

    def test_a_price_without_a_name_is_told(self, market: Market) -> None:
        product = Price.objects.get(slug="culture_monthly").plan.stripe_id
        market.sdk.v1.prices.create(
            {"product": product, "currency": "eur", "unit_amount": 5, "recurring": {"interval": "month"}}
        )
        text = assortment.show(gateway=market.gateway)
        assert "has no lookup key" in text
        assert len(propose(market, text).steps) == 1


class TestCommand:
    def call(self, *arguments: str) -> str:
        out = StringIO()
        call_command("catalogue", *arguments, stdout=out, stderr=StringIO())
        return out.getvalue()

    def test_rehearse_apply_show(self, market: Market, tmp_path: Path) -> None:
        file = tmp_path / "catalogue.toml"
        file.write_text(BOOKS)
        assert "5 steps would be taken; nothing was changed." in self.call("apply", str(file), "--dry-run")
        assert not market.objects("coupon")
        assert "5 steps taken; Stripe equals the file." in self.call("apply", str(file))
        assert "0 steps taken" in self.call("apply", str(file))
        file.write_text(self.call("show"))
        assert "0 steps taken" in self.call("apply", str(file))

    @pytest.mark.usefixtures("market")
    def test_mistakes_end_it_with_a_list(self, tmp_path: Path) -> None:
        file = tmp_path / "catalogue.toml"
        file.write_text(BOOKS.replace("amount = 1290", "amount = 12.90"))
        with pytest.raises(CommandError, match=r"everything_monthly.amount.*\n*Nothing was changed"):
            self.call("apply", str(file))
        with pytest.raises(CommandError, match="cannot be read"):
            self.call("apply", str(tmp_path / "nothing.toml"))
