"""A draft beside the live rules: who gains, who loses, and what nobody may lose by mistake."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.identity import Identity
from accounts.models import User
from paywall import access, articles, metering, rules, shadow
from paywall.decision.article import Demand
from paywall.decision.facts import Suspension
from paywall.decision.reasons import Access, Reason
from paywall.errors import RulesRefused
from paywall.models import RuleSet
from tests.factories.accounts import a_member_of_staff
from tests.factories.paywall import (
    DAY,
    NOON,
    article,
    draft,
    entitle,
    failed,
    grant,
    in_grace,
    institution,
    live_rules,
    meter,
    product,
    reader,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

FREE = {"demand": Demand.FREE}


@pytest.fixture
def town() -> None:
    """Live rules, three articles left to them, one that is not, and readers of every standing."""
    live_rules({"sections": ["opinion"], **FREE})
    article("opinion-1", demand="", section="opinion")
    article("city-1", demand="", section="city")
    article("city-old", demand="", section="city", published_at=NOON - 400 * DAY)
    article("stated")
    product("culture")
    entitle(reader("payer@readers.example"), grant())
    entitle(reader("grace@readers.example"), in_grace())
    entitle(reader("failed@readers.example"), failed())
    entitle(reader("culture@readers.example"), grant(product="culture"))
    reader("guest@readers.example")


def found(report: shadow.Report) -> set[tuple[str, str, str, int]]:
    return {(change.audience.name, change.before, change.after, change.articles) for change in report.changes}


@pytest.mark.usefixtures("town")
class TestRun:
    def test_of_a_draft_that_says_the_same_finds_nothing(self) -> None:
        report = shadow.run(rules.draft(name="Same", now=NOON), now=NOON)
        assert (report.articles, report.readers, report.changes) == (4, 5, ())

    def test_names_who_gains(self) -> None:
        report = shadow.run(draft({"sections": ["opinion", "city"], **FREE}), now=NOON)
        assert found(report) == {
            ("strangers", "subscription_required", "free", 2),
            ("registered, without rights", "subscription_required", "free", 2),
            ("premium (held)", "entitled", "free", 2),
            ("premium (grace)", "grace_period", "free", 2),
            ("premium (payment_failed)", "payment_failed", "free", 2),
            ("culture (held)", "upgrade_required", "free", 2),
        }
        assert {change.audience.name for change in report.gains} == {
            "strangers", "registered, without rights", "premium (payment_failed)", "culture (held)",
        }  # fmt: skip
        assert report.payers_who_lose == 0

    def test_names_who_loses_and_counts_payers_once(self) -> None:
        made = draft(
            {"sections": ["opinion"], **FREE},
            {"sections": ["city"], "demand": Demand.SUBSCRIBER, "products": ["culture"]},
        )
        report = shadow.run(made, now=NOON)
        lost = {change.audience.name for change in report.losses if change.costs_a_right}
        assert lost == {"premium (held)", "premium (grace)"}
        assert report.payers_who_lose == 2
        public_ids = set(User.objects.filter(email__startswith="payer").values_list("public_id", flat=True))
        assert public_ids <= {name for change in report.losses for name in change.audience.examples}

    @pytest.mark.parametrize(
        "right",
        [
            {"starts_at": NOON + DAY},
            {"suspension": Suspension.PAUSED, "resumes_at": NOON + 9 * DAY},
        ],
    )
    def test_thinks_of_who_paid_and_reads_later(self, right: dict[str, Any]) -> None:
        product("sport")
        entitle(reader("later@readers.example"), grant(product="sport", **right))
        before = draft(
            {"sections": ["opinion"], **FREE},
            {"sections": ["city"], "demand": Demand.SUBSCRIBER, "products": ["premium", "sport"]},
        )
        rules.publish(before, by=None, now=NOON)
        report = shadow.run(draft({"sections": ["opinion"], **FREE}), now=NOON)
        assert report.payers_who_lose == 1

    def test_thinks_of_institutions(self) -> None:
        institution("192.0.2.0/24", products=["premium"])
        institution("198.51.100.0/24", name="Another", products=["premium"])
        report = shadow.run(
            draft({"sections": ["opinion"], **FREE}, otherwise_products=["culture"]), now=NOON
        )
        assert report.payers_who_lose == 4
        assert "institutions (premium)" in {change.audience.name for change in report.losses}

    def test_a_right_that_becomes_free_reads_is_lost(self) -> None:
        made = draft(
            {"sections": ["opinion"], **FREE},
            otherwise_demand=Demand.METERED, otherwise_products=["culture"], reader_reads=9,
        )  # fmt: skip
        assert shadow.run(made, now=NOON).payers_who_lose == 2

    def test_looks_ahead_to_the_age_at_which_a_rule_turns(self) -> None:
        archive = {"older_than_days": 500, "demand": Demand.SUBSCRIBER, "products": ["culture"]}
        assert shadow.run(draft({"sections": ["opinion"], **FREE}, archive), now=NOON).payers_who_lose == 2

    def test_an_article_with_a_demand_of_its_own_does_not_change(self) -> None:
        report = shadow.run(draft(otherwise_demand=Demand.FREE, otherwise_products=[]), now=NOON)
        assert all("stated" not in change.examples for change in report.changes)

    def test_a_stranger_s_loss_is_no_payer_s(self) -> None:
        report = shadow.run(draft(), now=NOON)
        assert ("strangers", Reason.FREE, Reason.SUBSCRIPTION_REQUIRED) in {
            (change.audience.name, change.before, change.after) for change in report.losses
        }
        assert report.payers_who_lose == 0

    def test_agrees_with_the_live_answer(self) -> None:
        """What the report calls a gain or a loss is one, once the draft is live."""
        made = draft(
            {"sections": ["city"], "older_than_days": 30, **FREE},
            {"sections": ["opinion"], "demand": Demand.REGISTERED},
        )
        people: dict[str, User | None] = {"strangers": None} | {
            name: User.objects.get(email=f"{who}@readers.example")
            for name, who in {
                "premium (held)": "payer",
                "culture (held)": "culture",
                "registered, without rights": "guest",
            }.items()
        }
        before = _live_answers(people)
        report = shadow.run(made, now=NOON)
        rules.publish(made, by=None, now=NOON)
        after = _live_answers(people)
        turned = {
            (name, before[name, article_id], after[name, article_id])
            for name, article_id in before
            if before[name, article_id] is not after[name, article_id]
        }
        told = {
            (change.audience.name, change.before, change.after)
            for change in report.changes
            if change.audience.name in people
        }
        # It also tells of what age changes later.
        assert turned <= told
        assert ("strangers", Reason.SUBSCRIPTION_REQUIRED, Reason.FREE) in turned


def test_free_reads_are_played_again() -> None:
    meter(stranger_reads=3)
    for number in range(3):
        article(f"a{number}", demand="")
        terms = rules.book(rules.live() or RuleSet()).meter
        assert terms is not None
        now = NOON - (3 - number) * DAY
        metering.spend(Identity(None, device="d"), f"a{number}", terms=terms, now=now)
    made = rules.draft(name="Fewer", now=NOON)
    made.stranger_reads = 1
    made.save()
    assert shadow.run(made, now=NOON).replay == shadow.Replay(reads=3, refused=2)
    assert shadow.run(rules.draft(name="Same", now=NOON), now=NOON).replay == shadow.Replay(3, 0)


def test_what_was_read_before_and_after_signing_in_is_played_once(mara: User) -> None:
    meter(stranger_reads=3, reader_reads=3)
    article("a", demand="")
    article("b", demand="")
    terms = rules.book(rules.live() or RuleSet()).meter
    assert terms is not None
    metering.spend(Identity(None, device="d"), "a", terms=terms, now=NOON - 2 * DAY)
    metering.merge("d", mara, now=NOON - DAY)
    metering.spend(Identity(mara, device="d"), "b", terms=terms, now=NOON - DAY)
    assert shadow.run(rules.draft(name="Same", now=NOON), now=NOON).replay == shadow.Replay(2, 0)


@pytest.mark.usefixtures("town")
class TestPublish:
    def losing(self) -> RuleSet:
        return draft(otherwise_products=["culture"])

    def test_is_refused_while_a_payer_would_lose(self) -> None:
        was = rules.live()
        for forced in (
            {},
            {"is_forced": True},
            {"reason": "A new paper."},
            {"is_forced": True, "reason": " "},
        ):
            with pytest.raises(RulesRefused, match="2 readers or institutions would lose"):
                shadow.publish(self.losing(), by=None, now=NOON, **forced)  # type: ignore[arg-type]
        assert rules.live() == was

    def test_can_be_forced_with_a_reason_that_stays(self) -> None:
        made = self.losing()
        shadow.publish(made, by=None, now=NOON, is_forced=True, reason="The old paper closes.")
        live = rules.live()
        assert live is not None
        assert (live.pk, live.reason) == (made.pk, "The old paper closes.")

    def test_is_refused_where_other_rules_went_live_since_it_was_compared(self) -> None:
        made = draft()
        with pytest.raises(RulesRefused, match="meanwhile"):
            rules.publish(made, by=None, now=NOON, compared_with="another")


@pytest.mark.usefixtures("town")
def test_a_draft_that_was_edited_since_it_was_compared_is_not_published() -> None:
    made = draft({"sections": ["opinion"], **FREE})
    report = shadow.run(made, now=NOON)
    made.rules.create(name="Another tab", sections=["city"], demand=Demand.SUBSCRIBER, products=["culture"])
    with pytest.raises(RulesRefused, match="edited meanwhile"):
        rules.publish(made, by=None, now=NOON, compared_with=report.compared_with, as_compared=report.draft)
    assert rules.live() != made


def _live_answers(people: dict[str, User | None]) -> dict[tuple[str, str], Reason]:
    return {
        (name, article_id): access.peek(
            Identity(who, device="d"), articles.for_decision(article_id), now=NOON
        ).reason
        for name, who in people.items()
        for article_id in ("opinion-1", "city-1", "city-old", "stated")
    }


class TestAdmin:
    @pytest.fixture
    def editor(self, client: Client) -> Client:
        client.force_login(a_member_of_staff())
        return client

    def rule(self, number: int, **fields: Any) -> dict[str, Any]:
        given = {"position": number, "name": f"rule {number}", "demand": "free", **fields}
        return {f"rules-{number}-{name}": value for name, value in given.items()}

    def form(self, *given: dict[str, Any], **fields: Any) -> dict[str, Any]:
        rows = {name: value for each in given for name, value in each.items()}
        whole = {
            "name": "Next", "otherwise_demand": "subscriber", "otherwise_products": ["premium"],
            "stranger_reads": 0, "reader_reads": 0, "meter_window": "month", "meter_days": 30, "meter_zone": "UTC",
            "preview_unit": "", "preview_length": 3,
            "stranger_offer": "", "reader_offer": "", "lapsed_offer": "",
        }  # fmt: skip
        management = {"rules-TOTAL_FORMS": len(given), "rules-INITIAL_FORMS": 0}
        return {**whole, **management, **rows, **fields}

    def test_a_draft_is_begun_edited_compared_and_published(self, editor: Client) -> None:
        product("premium")
        article("a", demand="", section="opinion")
        begun = editor.post(reverse("admin:paywall_ruleset_add"), {"name": "Next"})
        made = RuleSet.objects.get()
        page = reverse("admin:paywall_ruleset_change", args=[made.pk])
        assert begun["Location"] == page
        saved = editor.post(page, self.form(self.rule(0, sections="Opinion, \nletters")))
        assert saved.status_code == 302, saved.context["errors"]
        assert made.rules.get().sections == ["Opinion", "letters"]
        publish = reverse("admin:paywall_ruleset_publish", args=[made.pk])
        assert publish in editor.get(page).content.decode()
        shown = editor.get(publish).content.decode()
        assert "strangers: gains" in shown
        assert editor.post(publish, {"reason": "Opinions are free."}).status_code == 302
        live = rules.live()
        assert live is not None
        assert (live.pk, live.reason) == (made.pk, "Opinions are free.")
        assert Client().get("/api/v1/articles/a/access").json()["reason"] == "free"

    def test_what_cannot_be_meant_is_told_at_save_and_not_published(self, editor: Client) -> None:
        product("premium")
        made = draft()
        page = reverse("admin:paywall_ruleset_change", args=[made.pk])
        told = editor.post(page, self.form(self.rule(0)), follow=True).content.decode()
        assert "names no articles" in told
        publish = reverse("admin:paywall_ruleset_publish", args=[made.pk])
        assert "names no articles" in editor.get(publish).content.decode()
        editor.post(publish, {"reason": "x", "force": "on"})
        assert rules.live() is None

    @pytest.mark.usefixtures("town")
    def test_whoever_would_lose_is_shown_before_it_is_forced(self, editor: Client) -> None:
        made = draft(otherwise_products=["culture"])
        publish = reverse("admin:paywall_ruleset_publish", args=[made.pk])
        for attempt in ({}, {"force": "on"}):
            shown = editor.post(publish, {"reason": "", **attempt}).content.decode()
            assert "2 readers or institutions would lose" in shown
        assert editor.post(publish, {"reason": "The old paper closes.", "force": "on"}).status_code == 302
        assert rules.live() == made

    def test_what_was_published_stays_as_it_is(self, editor: Client) -> None:
        made = live_rules({"sections": ["city"], **FREE})
        page = reverse("admin:paywall_ruleset_change", args=[made.pk])
        assert editor.get(page).status_code == 200
        assert editor.post(page, self.form()).status_code == 403
        assert editor.post(reverse("admin:paywall_ruleset_delete", args=[made.pk])).status_code == 403
        publish = reverse("admin:paywall_ruleset_publish", args=[made.pk])
        assert editor.post(publish, {"reason": "again"}).status_code == 404
        made.refresh_from_db()
        assert (made.name, made.rules.count()) == ("Rules", 1)

    def test_editing_is_not_publishing(self, client: Client) -> None:
        desk = reader("desk@readers.example", is_staff=True)
        desk.user_permissions.add(*Permission.objects.filter(codename__in=["change_ruleset", "view_ruleset"]))
        client.force_login(desk)
        made = draft()
        assert client.get(reverse("admin:paywall_ruleset_change", args=[made.pk])).status_code == 200
        assert client.post(reverse("admin:paywall_ruleset_publish", args=[made.pk]), {}).status_code == 403


def test_a_shadow_run_is_never_wider_than_what_is_asked() -> None:
    """Where both versions ask the same of everything nobody's access changes, whatever else differs."""
    live_rules({"sections": ["city"], **FREE}, stranger_offer="premium")
    article("a", demand="", section="city")
    article("b", demand="", published_at=NOON - timedelta(days=40))
    report = shadow.run(draft({"sections": ["city"], **FREE}), now=NOON)
    assert not [change for change in report.changes if change.before.access is not change.after.access]
    assert Access.FULL not in {change.after.access for change in report.losses}
