"""Free access from staff: an end and a reason, beside whatever else a reader holds, and never a word to Stripe."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts import clock, closing
from accounts.models import Mail, User
from billing import comps, holdings
from billing.errors import CompRefused
from billing.models import Comp
from paywall import access, entitlements
from paywall.decision.reasons import Reason
from tests.billing.market import Market
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.paywall import DAY, NOON, article, product

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader() -> User:
    product("premium")
    return a_reader()


@pytest.fixture
def desk() -> User:
    return a_member_of_staff()


def a_comp(reader: User, desk: User, **asked: Any) -> Comp:
    wish = {"products": ["premium"], "until": NOON + 30 * DAY, "reason": "A sorry", "now": NOON, **asked}
    return comps.give(reader, by=desk, **wish)


def ends(reader: User, *, now: Any = NOON) -> list[Any]:
    return [(grant.source, grant.ends_at) for grant in entitlements.snapshot(reader, now=now)]


class TestGiving:
    def test_it_opens_until_its_end_and_says_where_it_comes_from(self, reader: User, desk: User) -> None:
        comp = a_comp(reader, desk)
        page = article()
        told = access.explain(reader, page, at=NOON, known_at=NOON)
        assert told.decision.reason is Reason.ENTITLED
        assert any(f"comp:{comp.pk}" in fact.origin for fact in told.facts)
        later = access.explain(reader, page, at=NOON + 30 * DAY, known_at=NOON + 30 * DAY)
        assert later.decision.reason is Reason.SUBSCRIPTION_ENDED

    @pytest.mark.parametrize(
        "odd",
        [
            {"products": []},
            {"products": ["sports"]},
            {"reason": "  "},
            {"until": NOON},
            {"until": NOON + 367 * DAY},
        ],
    )
    def test_it_needs_products_a_reason_and_a_near_end(self, reader: User, desk: User, odd: Any) -> None:
        with pytest.raises(CompRefused):
            a_comp(reader, desk, **odd)
        assert not Comp.objects.exists()
        assert ends(reader) == []

    def test_the_bound_is_a_setting(self, reader: User, desk: User, settings: Any) -> None:
        settings.COMP_LONGEST = timedelta(days=7)
        with pytest.raises(CompRefused, match="at the longest"):
            a_comp(reader, desk, until=NOON + 8 * DAY)

    def test_a_closed_account_is_given_nothing(self, reader: User, desk: User) -> None:
        User.objects.filter(pk=reader.pk).update(is_active=False)
        with pytest.raises(CompRefused):
            a_comp(reader, desk)

    def test_a_double_click_gives_once_and_tells_once(self, reader: User, desk: User) -> None:
        assert a_comp(reader, desk) == a_comp(reader, desk)
        assert Mail.objects.filter(kind="comp").count() == 1
        assert "free of charge until" in Mail.objects.get(kind="comp").subject

    def test_the_database_wants_an_end_and_reasons_too(self, reader: User, desk: User) -> None:
        comp = a_comp(reader, desk)
        for odd in ({"ends_at": NOON}, {"reason": ""}, {"ended_at": NOON + DAY}, {"end_reason": "why"}):
            with pytest.raises(IntegrityError), transaction.atomic():
                Comp.objects.filter(pk=comp.pk).update(**odd)


class TestChanging:
    def test_extended_it_ends_later_and_keeps_both_reasons(self, reader: User, desk: User) -> None:
        comp = comps.extend(a_comp(reader, desk), until=NOON + 60 * DAY, reason="Again", now=NOON + DAY)
        assert comp.reason.splitlines() == ["A sorry", "Again"]
        assert ends(reader) == [(comp.source, NOON + 60 * DAY)]
        # The first mail had not been sent yet, and is no longer true.
        told = f"comp:{comp.pk}:{int((NOON + 60 * DAY).timestamp())}"
        assert [mail.dedup_key for mail in Mail.objects.filter(kind="comp")] == [told]

    def test_extending_it_twice_changes_it_once(self, reader: User, desk: User) -> None:
        comp = a_comp(reader, desk)
        for _ in range(2):
            comps.extend(comp, until=NOON + 60 * DAY, reason="Again", now=NOON)
        assert Comp.objects.get().reason.count("Again") == 1

    @pytest.mark.parametrize("until", [NOON + DAY, NOON + 400 * DAY, NOON - DAY])
    def test_it_is_extended_within_bounds_only(self, reader: User, desk: User, until: Any) -> None:
        with pytest.raises(CompRefused):
            comps.extend(a_comp(reader, desk), until=until, reason="Odd", now=NOON)

    def test_ended_early_it_opens_nothing_and_what_held_is_still_known(
        self, reader: User, desk: User
    ) -> None:
        comp = comps.end(a_comp(reader, desk), reason="By mistake", now=NOON + DAY)
        assert (comp.ended_at, comp.end_reason) == (NOON + DAY, "By mistake")
        page = article()
        for at, reason in ((NOON, Reason.ENTITLED), (NOON + DAY, Reason.SUBSCRIPTION_ENDED)):
            assert access.explain(reader, page, at=at, known_at=NOON + DAY).decision.reason is reason
        assert not Mail.objects.filter(kind="comp").exists()

    def test_over_is_over(self, reader: User, desk: User) -> None:
        comp = a_comp(reader, desk)
        with pytest.raises(CompRefused):
            comps.end(comp, reason="Late", now=NOON + 30 * DAY)
        ended = comps.end(comp, reason="Early", now=NOON + DAY)
        assert comps.end(ended, reason="Twice", now=NOON + 2 * DAY).end_reason == "Early"
        with pytest.raises(CompRefused):
            comps.extend(comp, until=NOON + 60 * DAY, reason="Again", now=NOON + 2 * DAY)

    def test_a_closed_account_keeps_none_and_no_word_of_why(self, reader: User, desk: User) -> None:
        comp = a_comp(reader, desk, reason="Ann Smith complained by phone")
        closing.close(reader, now=NOON + DAY)
        comp.refresh_from_db()
        assert comp.ended_at == NOON + DAY
        assert "Ann" not in comp.reason


class TestBesideASubscription:
    def test_nobody_is_charged_or_stopped_because_of_it(self, market: Market, desk: User) -> None:
        reader, now = a_reader(), market.now
        wish = {"products": ["premium"], "until": now + 40 * DAY, "reason": "A prize", "by": desk}
        comp = comps.give(reader, now=now, **wish)
        assert market.objects("customer") == []
        market.buy(reader)
        charges = len(market.objects("charge"))
        comps.give(reader, now=now, **{**wish, "until": now + 90 * DAY})
        comps.end(comp, reason="Enough", now=market.now)
        market.look(reader)
        assert len(market.objects("charge")) == charges
        assert {row["status"] for row in market.objects("subscription")} == {"active"}

    def test_the_best_right_wins(self, market: Market, desk: User) -> None:
        reader = a_reader()
        market.buy(reader)
        market.fail_renewal(reader)
        market.pass_time(reader, seconds=10 * 86400)
        page = article(published_at=NOON - DAY)
        refused = access.explain(reader, page, at=market.now, known_at=market.now).decision
        assert refused.reason is Reason.PAYMENT_FAILED
        comps.give(
            reader,
            products=["premium"],
            until=market.now + 5 * DAY,
            reason="Until the bank answers",
            by=desk,
            now=market.now,
        )
        assert access.explain(reader, page, at=market.now, known_at=market.now).decision.reason is (
            Reason.ENTITLED
        )


class TestWhatIsShown:
    def test_page_and_api_say_until_when(self, client: Client, reader: User, desk: User) -> None:
        now = clock.now()
        a_comp(reader, desk, now=now, until=now + 3 * DAY)
        client.force_login(reader)
        page = client.get("/account/").content.decode()
        assert "Free access" in page
        assert "no subscription yet" not in page
        state = client.get("/api/v1/subscription").json()
        assert state["subscription"] is None
        assert [(held["kind"], held["products"]) for held in state["holdings"]] == [("comp", ["premium"])]

    def test_what_is_over_is_not_shown(self, reader: User, desk: User) -> None:
        a_comp(reader, desk)
        assert len(holdings.of(reader, now=NOON)) == 1
        assert holdings.of(reader, now=NOON + 30 * DAY) == ()


class TestDesk:
    @pytest.fixture
    def staff(self, client: Client, desk: User) -> Client:
        client.force_login(desk)
        return client

    def form(self, winner: User, **asked: Any) -> dict[str, Any]:
        until = clock.now() + 30 * DAY
        return {
            "reader": winner.pk,
            "products": ["premium"],
            "ends_at_0": f"{until:%Y-%m-%d}",
            "ends_at_1": "12:00:00",
            "reason": "Won the quiz",
            **asked,
        }

    def act(self, staff: Client, comp: Comp, action: str, **asked: str) -> Any:
        wish = {"action": action, "_selected_action": [comp.pk], **asked}
        return staff.post(reverse("admin:billing_comp_changelist"), wish, follow=True)

    def test_given_extended_and_ended_each_with_its_reason(self, staff: Client, reader: User) -> None:
        assert staff.post(reverse("admin:billing_comp_add"), self.form(reader)).status_code == 302
        comp = Comp.objects.get()
        until = clock.now() + 60 * DAY
        asked = {"until_0": f"{until:%Y-%m-%d}", "until_1": "12:00:00"}
        assert "say why" in self.act(staff, comp, "extend", **asked).content.decode()
        assert "until when" in self.act(staff, comp, "extend", reason="More").content.decode()
        self.act(staff, comp, "extend", reason="Again", **asked)
        self.act(staff, comp, "end", reason="Enough")
        comp.refresh_from_db()
        assert (comp.ends_at.date(), comp.end_reason) == (until.date(), "Enough")
        told = LogEntry.objects.order_by("pk").values_list("change_message", flat=True)
        assert list(told) == ["Given. Won the quiz", "Extended. Again", "Ended. Enough"]
        assert staff.get(reverse("admin:billing_comp_change", args=[comp.pk])).status_code == 200
        page = staff.get(reverse("admin:accounts_user_change", args=[reader.pk]))
        assert "Won the quiz" in page.content.decode()

    @pytest.mark.parametrize(
        "odd",
        [{"products": []}, {"reason": " "}, {"ends_at_0": "2020-01-01"}, {"ends_at_0": ""}, {"reader": "x"}],
    )
    def test_what_cannot_be_given_is_said(self, staff: Client, reader: User, odd: Any) -> None:
        answer = staff.post(reverse("admin:billing_comp_add"), self.form(reader, **odd))
        assert answer.status_code == 200
        assert not Comp.objects.exists()

    def test_it_takes_the_right_to(self, client: Client, reader: User, desk: User) -> None:
        comp = a_comp(reader, desk, now=clock.now(), until=clock.now() + DAY)
        looker = a_reader(is_staff=True)
        looker.user_permissions.set(Permission.objects.filter(codename="view_comp"))
        client.force_login(looker)
        assert client.post(reverse("admin:billing_comp_add"), self.form(reader)).status_code == 403
        self.act(client, comp, "end", reason="Not mine to end")
        assert Comp.objects.get().ended_at is None
