"""What a site's own support desk asks by its key: how everybody sees an article, and one reader's access over time."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from paywall import entitlements
from tests.factories.accounts import a_member_of_staff
from tests.factories.paywall import DAY, MARKER, NOON, article, entitle, failed, grant, meter
from tests.paywall.conftest import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

PERSPECTIVES = "/api/v1/articles/harbour-vote/perspectives"
TIMELINE = "/api/v1/articles/harbour-vote/timeline"
EARLY = "1970-01-20T00:00:00Z"
TEASER = "The harbour votes on Sunday."


def day(number: float) -> str:
    """Return the moment so many days before noon, as the API writes it."""
    return (NOON - number * DAY).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def story(mara: User) -> None:
    """Paid until five days ago; that the payment failed became known a day later, and grace is over since two."""
    article(published_at=NOON - 30 * DAY)
    entitle(mara, grant(ends_at=NOON - 5 * DAY))
    late = failed(ends_at=NOON - 5 * DAY, grace_until=NOON - 2 * DAY)
    entitlements.replace(mara, source=late.source, grants=(late,), now=NOON - 4 * DAY)


@pytest.mark.parametrize("path", [PERSPECTIVES, TIMELINE])
class TestBoth:
    @pytest.mark.usefixtures("story")
    def test_are_for_site_keys_only(self, path: str, stranger: Client, mara: User) -> None:
        asked = {"reader": mara.public_id}
        assert stranger.get(path, asked).status_code == 401
        for who in (mara, a_member_of_staff()):
            refused = sign_in(who).get(path, asked)
            assert refused.status_code == 403
            assert refused.json()["code"] == "forbidden"
        wrong = Client(headers={"Authorization": "Api-Key wrong"})
        assert wrong.get(path, asked).status_code == 401

    @pytest.mark.usefixtures("story")
    def test_never_show_the_text(self, path: str, site: Client, mara: User) -> None:
        answer = site.get(path, {"reader": mara.public_id})
        assert answer.status_code == 200
        assert MARKER not in answer.content.decode()
        assert TEASER not in answer.content.decode()

    @pytest.mark.usefixtures("story")
    def test_are_kept_by_no_cache(self, path: str, site: Client, mara: User) -> None:
        assert site.get(path, {"reader": mara.public_id})["Cache-Control"] == "private, no-store"

    def test_know_no_article_that_nobody_stated(self, path: str, site: Client, mara: User) -> None:
        answer = site.get(path, {"reader": mara.public_id})
        assert (answer.status_code, answer.json()["code"]) == (404, "article_unknown")


class TestPerspectives:
    def ask(self, site: Client, **headers: str) -> list[dict[str, Any]]:
        answer = site.get(PERSPECTIVES, headers=headers)
        assert answer.status_code == 200
        assert answer.json()["at"].startswith("2026-11-25T12:")
        found: list[dict[str, Any]] = answer.json()["perspectives"]
        return found

    def test_tell_of_each_kind_of_reader_what_they_are_told(self, site: Client) -> None:
        article()
        decisions = {each["name"]: each["decision"] for each in self.ask(site)}
        assert decisions["a stranger"]["reason"] == "subscription_required"
        assert decisions["a subscriber"]["access"] == "full"
        card = decisions["a subscriber whose card failed"]
        assert card["notice"]["text"].startswith("Your card Visa •••• 0341 was declined.")
        assert card["remedies"][0]["kind"] == "fix_card"
        assert "harbour-vote" in card["remedies"][0]["url"]

    def test_tell_it_in_the_language_of_the_request(self, site: Client) -> None:
        article()
        card = next(
            each
            for each in self.ask(site, **{"Accept-Language": "de"})
            if each["decision"]["reason"] == "payment_failed"
        )
        assert card["name"] == "ein Abonnent, dessen Karte versagte"
        assert "Karte" in card["decision"]["notice"]["text"]

    def test_tell_of_free_reads(self, site: Client) -> None:
        meter()
        article(demand="")
        decisions = {each["name"]: each["decision"] for each in self.ask(site)}
        assert decisions["a stranger"]["meter"]["remaining"] == 3
        assert decisions["a stranger without free reads left"]["reason"] == "meter_exhausted"

    def test_of_what_nobody_may_know_of_tell_the_desk_so(self, site: Client) -> None:
        article(embargo_until=NOON + DAY)
        assert {each["decision"]["reason"] for each in self.ask(site)} == {"embargoed"}


@pytest.mark.usefixtures("story")
class TestTimeline:
    def ask(self, site: Client, who: User, **asked: str) -> dict[str, Any]:
        answer = site.get(TIMELINE, {"reader": who.public_id, **asked})
        assert answer.status_code == 200, answer.content
        found: dict[str, Any] = answer.json()
        return found

    def refused(self, site: Client, who: User, **asked: str) -> dict[str, Any]:
        answer = site.get(TIMELINE, {"reader": who.public_id, **asked})
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        found: dict[str, Any] = answer.json()["errors"]
        return found

    def test_tells_each_span(self, site: Client, mara: User) -> None:
        told = self.ask(site, mara, since=day(12), until=day(0))
        assert told["spans"] == [
            {
                "starts_at": day(begins), "ends_at": day(ends) if ends is not None else None,
                "access": access, "reason": reason, "source": source,
            }
            for begins, ends, access, reason, source in (
                (12, 10, "teaser", "subscription_required", None),
                (10, 5, "full", "entitled", "subscription:sub_1"),
                (5, 4, "teaser", "subscription_ended", "subscription:sub_1"),
                (4, 2, "full", "grace_period", "subscription:sub_1"),
                (2, None, "teaser", "payment_failed", "subscription:sub_1"),
            )
        ]  # fmt: skip
        assert (told["article"], told["reader"]) == ("harbour-vote", mara.public_id)
        assert (told["since"], told["until"]) == (day(12), day(0))

    def test_is_of_the_last_ninety_days_where_nobody_says(self, site: Client, mara: User) -> None:
        told = self.ask(site, mara)
        assert told["until"].startswith("2026-11-25T12:")
        since, until = (datetime.fromisoformat(told[name]) for name in ("since", "until"))
        assert until - since == 90 * DAY
        assert [span["reason"] for span in told["spans"]][:2] == ["unpublished", "subscription_required"]

    def test_is_of_ninety_days_before_any_end(self, site: Client, mara: User) -> None:
        told = self.ask(site, mara, until=day(3))
        assert (told["since"], told["spans"][-1]["reason"]) == (day(93), "grace_period")

    def test_ends_with_the_decision_of_now(self, site: Client, mara: User) -> None:
        decided = site.get("/api/v1/articles/harbour-vote/access", {"reader": mara.public_id}).json()
        last = self.ask(site, mara)["spans"][-1]
        assert (last["access"], last["reason"]) == (decided["access"], decided["reason"])
        assert last["ends_at"] is None

    def test_looks_ahead_by_what_is_known_now(self, site: Client, mara: User) -> None:
        entitle(mara, grant(source="comp:7", ends_at=NOON + 20 * DAY), now=NOON - DAY)
        spans = self.ask(site, mara, since=day(0), until=day(-30))["spans"]
        assert [(span["starts_at"], span["reason"]) for span in spans] == [
            (day(0), "entitled"),
            (day(-20), "payment_failed"),
        ]

    def test_takes_any_zone_and_answers_in_utc(self, site: Client, mara: User) -> None:
        told = self.ask(site, mara, since="2026-11-20T13:00:00+01:00")
        assert told["since"] == "2026-11-20T12:00:00Z"

    def test_asks_for_a_reader(self, site: Client) -> None:
        answer = site.get(TIMELINE)
        assert answer.status_code == 400
        assert answer.json()["errors"] == {"reader": ["Say whose access: the public id of a reader."]}
        for nobody in ("", "nobody", "\x00", "9" * 5000):
            unknown = site.get(TIMELINE, {"reader": nobody})
            assert unknown.status_code in {400, 404}

    @pytest.mark.parametrize(
        ("asked", "field", "words"),
        [
            pytest.param({"since": day(0), "until": day(0)}, "since", "earlier than `until`", id="nothing in between"),
            pytest.param({"since": day(1), "until": day(2)}, "since", "earlier", id="backwards"),
            pytest.param({"since": day(-1)}, "since", "earlier", id="only what is to come"),
            pytest.param({"since": day(366.1)}, "since", "at most 366 days", id="too long"),
            pytest.param({"until": EARLY}, "since", "before 1970", id="before all"),
            pytest.param({"since": "1969-12-31T23:59:59Z", "until": EARLY}, "since", "1970", id="a second before"),
            pytest.param({"since": "2026-11-20T12:00:00"}, "since", "time zone", id="no zone"),
            pytest.param({"until": "9999-12-31T23:59:59Z"}, "until", "", id="the end of time"),
            pytest.param({"until": "9999-12-31T23:59:59-23:59"}, "until", "", id="beyond it"),
            pytest.param({"since": "0001-01-01T00:00:00+23:59"}, "since", "", id="before time"),
            pytest.param({"since": "yesterday"}, "since", "", id="a word"),
        ],
    )  # fmt: skip
    def test_says_what_is_wrong(
        self, asked: dict[str, str], field: str, words: str, site: Client, mara: User
    ) -> None:
        errors = self.refused(site, mara, **asked)
        assert list(errors) == [field]
        assert words in errors[field][0]

    def test_takes_a_leap_year(self, site: Client, mara: User) -> None:
        assert self.ask(site, mara, since=day(366), until=day(0))["since"] == day(366)


def test_explains_no_moment_from_which_no_month_can_be_counted(site: Client, mara: User) -> None:
    meter(meter_zone="Europe/Berlin")
    article(demand="")
    asked = {"reader": mara.public_id, "at": "9999-12-31T23:59:59Z"}
    answer = site.get("/api/v1/articles/harbour-vote/explain", asked)
    assert (answer.status_code, list(answer.json()["errors"])) == (400, ["at"])
