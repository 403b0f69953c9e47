"""Gifts: a subscriber shares an article; it opens once per device up to a limit, and no mere look spends it."""

from __future__ import annotations

import re
import time
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from accounts import closing
from accounts.identity import Identity
from accounts.models import User
from paywall import access, gifts, giving
from paywall.decision.article import Demand
from paywall.decision.reasons import Reason
from paywall.errors import GiftQuotaUsed
from paywall.giving import GiftTerms
from paywall.models import Article, FreeRead, Gift, GiftOpening
from tests.factories.accounts import a_member_of_staff
from tests.factories.paywall import (
    DAY,
    MARKER,
    NOON,
    article,
    entitle,
    failed,
    gift,
    grant,
    in_grace,
    meter,
    reader,
)
from tests.paywall.conftest import sign_in
from tests.proofs.races.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

URL = "/api/v1/articles/harbour-vote"
MINUTE = timedelta(minutes=1)


def set_clock(moment: Any) -> None:
    django_settings.CLOCK_FILE.write_text(str(moment.timestamp() - time.time()))


def give(giver: User, article_id: str = "harbour-vote", **expected: Any) -> dict[str, Any]:
    answer = sign_in(giver).post(f"/api/v1/articles/{article_id}/gifts")
    assert answer.status_code == expected.get("status", 201), answer.content
    found: dict[str, Any] = answer.json()
    return found


def code_of(given: dict[str, Any]) -> str:
    return str(given["url"]).split("gift=")[1]


def read(client: Client, code: str = "", article_id: str = "harbour-vote") -> dict[str, Any]:
    query = f"?gift={code}" if code else ""
    found: dict[str, Any] = client.post(f"/api/v1/articles/{article_id}/read{query}").json()
    return found


def peek(client: Client, code: str = "") -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"{URL}/access", {"gift": code} if code else {}).json()
    return found


@pytest.fixture
def giver(mara: User) -> User:
    """A subscriber, beside a premium article."""
    article()
    entitle(mara, grant())
    return mara


@pytest.fixture
def code(giver: User) -> str:
    return code_of(give(giver))


class TestGiving:
    def test_makes_a_link_in_which_nobody_is_named(self, giver: User) -> None:
        given = give(giver)
        assert re.fullmatch(r"http://localhost:8001/harbour-vote\?gift=[\w-]{22}", given["url"])
        assert given == {
            "id": Gift.objects.get().key, "article": "harbour-vote", "url": given["url"],
            "made_at": "2026-11-25T12:00:00Z", "expires_at": "2026-12-09T12:00:00Z",
            "openings_left": 5, "gifts_left": 9,
        }  # fmt: skip
        assert giver.public_id not in given["url"]

    def test_keeps_what_the_address_says_already(self, giver: User) -> None:
        Article.objects.update(url="https://news.example/vote?edition=2#top")
        assert re.fullmatch(r"https://news.example/vote\?edition=2&gift=[\w-]{22}#top", give(giver)["url"])

    def test_again_is_the_same_gift(self, giver: User) -> None:
        first = give(giver)
        assert give(giver, status=200) == first

    def test_again_is_a_new_one_once_nobody_else_can_accept_the_first(
        self, giver: User, settings: Any
    ) -> None:
        settings.GIFT_OPENINGS = 1
        first = give(giver)
        read(Client(), code_of(first))
        assert give(giver)["url"] != first["url"]

    @pytest.mark.parametrize("held", [grant(), in_grace()], ids=["entitled", "in grace"])
    def test_is_for_whoever_may_read_by_their_own_right(self, mara: User, held: Any) -> None:
        article()
        entitle(mara, held)
        assert give(mara)["url"]

    def test_is_for_staff_too(self) -> None:
        article()
        assert give(a_member_of_staff())["url"]

    @pytest.mark.parametrize("held", [failed(), grant(ends_at=NOON)], ids=["card failed", "ended"])
    def test_is_not_for_whom_the_article_is_closed(self, mara: User, held: Any) -> None:
        article()
        entitle(mara, held)
        assert give(mara, status=409)["code"] == "gift_not_yours_to_give"

    def test_is_not_for_what_a_free_read_opens(self, mara: User) -> None:
        meter()
        article(demand="")
        assert give(mara, status=409)["code"] == "gift_not_yours_to_give"

    def test_is_not_for_whoever_was_given_it(self, code: str) -> None:
        other = reader("other@readers.example")
        assert read(sign_in(other), code)["reason"] == "gift_link"
        assert give(other, status=409)["code"] == "gift_not_yours_to_give"

    @pytest.mark.parametrize("fields", [{"embargo_until": NOON + DAY}, {"unpublished_at": NOON}])
    def test_is_not_for_what_is_not_out(self, mara: User, fields: dict[str, Any]) -> None:
        article(**fields)
        entitle(mara, grant())
        assert give(mara, status=409)["code"] == "gift_not_yours_to_give"

    def test_of_what_nobody_stated_is_404(self, giver: User) -> None:
        assert give(giver, "elsewhere", status=404)["code"] == "article_unknown"

    def test_is_for_readers_only(self, giver: User, stranger: Client, site: Client) -> None:
        assert stranger.post(f"{URL}/gifts").status_code == 401
        assert site.post(f"{URL}/gifts?reader={giver.public_id}").status_code == 403

    def test_can_be_switched_off(self, giver: User, settings: Any) -> None:
        settings.GIFTS_PER_MONTH = 0
        assert give(giver, status=409)["code"] == "gifts_off"


class TestQuota:
    def test_is_by_calendar_month(self, mara: User, settings: Any) -> None:
        settings.GIFTS_PER_MONTH = 2
        for name in "abc":
            article(name)
        entitle(mara, grant())
        assert [give(mara, name)["gifts_left"] for name in "ab"] == [1, 0]
        assert give(mara, "c", status=409)["code"] == "gift_quota_used"
        assert sign_in(mara).get("/api/v1/gifts").json()["resets_at"] == "2026-12-01T00:00:00Z"
        set_clock(NOON + 6 * DAY)
        assert give(mara, "c")["gifts_left"] == 1

    def test_is_not_given_back_with_the_gift(self, giver: User, settings: Any) -> None:
        settings.GIFTS_PER_MONTH = 1
        given = give(giver)
        sign_in(giver).delete(f"/api/v1/gifts/{given['id']}")
        assert give(giver, status=409)["code"] == "gift_quota_used"


class TestLooking:
    def test_spends_nothing_whoever_looks_and_however(self, code: str, site: Client) -> None:
        link = {"gift": code}
        for client in (Client(), site, Client(headers={"User-Agent": "WhatsApp/2.23.20.0"})):
            for path in (URL, f"{URL}/access"):
                client.get(path, link)
                client.head(path, link)
            client.post(
                f"/api/v1/access?gift={code}", {"articles": ["harbour-vote"]}, content_type="application/json"
            )
            client.get("/api/v1/access/check", headers={"X-Original-URI": f"/harbour-vote?gift={code}"})
        assert not GiftOpening.objects.exists()

    def test_tells_what_opening_would_answer(self, code: str, stranger: Client) -> None:
        told = peek(stranger, code)
        assert (told["access"], told["reason"], told["until"]) == (
            "full",
            "gift_link",
            "2026-12-09T12:00:00Z",
        )
        assert told["notice"]["title"] == "A gift for you"
        assert peek(stranger)["reason"] == "subscription_required"

    def test_opens_no_proxy(self, code: str, stranger: Client) -> None:
        """The address that was sent around must not be a key by itself: it would open as often as it is fetched."""
        check = partial(
            stranger.get, "/api/v1/access/check", headers={"X-Original-URI": f"/harbour-vote?gift={code}"}
        )
        assert check().status_code == 401
        read(stranger, code)
        assert check().status_code == 204


class TestReading:
    def test_opens_on_this_device_from_then_on_without_the_code(self, code: str, stranger: Client) -> None:
        opened = read(stranger, code)
        assert (opened["reason"], MARKER in opened["body"]) == ("gift_link", True)
        assert MARKER in read(stranger)["body"]
        assert peek(stranger)["until"] == "2026-12-09T12:00:00Z"
        assert stranger.get(URL).json()["access"]["access"] == "full"
        assert GiftOpening.objects.count() == 1

    def test_opens_to_a_reader_wherever_they_sign_in(self, code: str) -> None:
        other = reader("other@readers.example")
        read(sign_in(other), code)
        assert MARKER in read(sign_in(other))["body"]
        assert "body" not in read(Client())

    def test_still_opens_on_the_device_after_signing_in_there(self, code: str, stranger: Client) -> None:
        read(stranger, code)
        stranger.force_login(reader("other@readers.example"))
        assert read(stranger, code)["reason"] == "gift_link"
        assert GiftOpening.objects.count() == 1

    def test_opens_nothing_else(self, code: str, stranger: Client) -> None:
        article("other")
        assert "body" not in read(stranger, code, "other")
        read(stranger, code)
        assert "body" not in read(stranger, article_id="other")

    def test_ends_when_the_gift_does(self, code: str, stranger: Client) -> None:
        read(stranger, code)
        set_clock(NOON + 14 * DAY - MINUTE)
        assert read(stranger)["access"] == "full"
        set_clock(NOON + 14 * DAY + MINUTE)
        assert read(stranger, code)["reason"] == "subscription_required"

    def test_goes_on_when_the_giver_s_subscription_has_ended(
        self, giver: User, code: str, stranger: Client
    ) -> None:
        entitle(giver, grant(ends_at=NOON), now=NOON)
        assert read(stranger, code)["access"] == "full"

    def test_opens_to_so_many_devices(self, code: str) -> None:
        assert [read(Client(), code)["access"] for _ in range(7)] == ["full"] * 5 + ["teaser"] * 2
        assert GiftOpening.objects.count() == 5

    def test_stays_open_to_those_who_came_in_time(self, code: str, stranger: Client) -> None:
        read(stranger, code)
        for _ in range(4):
            read(Client(), code)
        assert read(stranger, code)["access"] == "full"

    def test_is_not_spent_where_the_article_is_open_anyway(self, giver: User, code: str) -> None:
        assert read(sign_in(giver), code)["reason"] == "entitled"
        Article.objects.update(demand=Demand.FREE, products=[])
        assert read(Client(), code)["reason"] == "free"
        assert not GiftOpening.objects.exists()

    def test_comes_before_a_free_read(self, mara: User, stranger: Client) -> None:
        meter()
        article(demand="")
        entitle(mara, grant())
        code = code_of(give(mara))
        assert [read(stranger, code)["reason"], read(stranger)["reason"]] == ["gift_link"] * 2
        assert not FreeRead.objects.exists()

    def test_a_second_gift_of_an_article_is_not_spent_while_the_first_opens(
        self, code: str, stranger: Client
    ) -> None:
        other = reader("other@readers.example")
        entitle(other, grant())
        read(stranger, code)
        read(stranger, code_of(give(other)))
        assert GiftOpening.objects.count() == 1

    @pytest.mark.parametrize("fields", [{"embargo_until": NOON + DAY}, {"unpublished_at": NOON}])
    def test_opens_nothing_that_is_not_out(self, code: str, stranger: Client, fields: dict[str, Any]) -> None:
        Article.objects.update(**fields)
        assert read(stranger, code)["access"] == "none"
        assert not GiftOpening.objects.exists()

    def test_opens_nothing_to_a_blocked_reader(self, code: str, site: Client) -> None:
        other = reader("other@readers.example", is_active=False)
        told = site.post(f"{URL}/read?gift={code}&reader={other.public_id}").json()
        assert (told["reason"], GiftOpening.objects.exists()) == ("account_blocked", False)

    def test_a_site_accepts_for_a_reader_or_a_device_and_not_for_itself(
        self, code: str, site: Client
    ) -> None:
        assert "body" not in read(site, code)
        assert peek(site, code)["access"] == "teaser"
        device = Client().get("/api/v1/session").json()["device"]
        for_device = site.post(f"{URL}/read?gift={code}", headers={"X-Device-Id": device}).json()
        named = reader("other@readers.example").public_id
        for_reader = site.post(f"{URL}/read?gift={code}&reader={named}").json()
        assert [each["reason"] for each in (for_device, for_reader)] == ["gift_link"] * 2

    def test_a_front_page_shows_it_open(self, code: str, stranger: Client) -> None:
        article("other")
        read(stranger, code)
        asked = {"articles": ["other", "harbour-vote"]}
        told = stranger.post("/api/v1/access", asked, content_type="application/json").json()["decisions"]
        assert [each["access"] for each in told] == ["teaser", "full"]


class TestWhatOpensNothing:
    def test_is_answered_alike_whatever_is_the_matter(self, giver: User, settings: Any) -> None:
        settings.GIFT_OPENINGS = 1
        article("other")
        used, revoked, of_other = give(giver), None, code_of(give(giver, "other"))
        read(Client(), code_of(used))
        revoked = give(giver)
        sign_in(giver).delete(f"/api/v1/gifts/{revoked['id']}")
        codes = [code_of(used), code_of(revoked), of_other, "never-made", "x" * 5000, "ü\u202e💩"]
        told = [
            {key: value for key, value in ask(Client(), code).items() if key != "id"}
            for ask in (read, peek)
            for code in codes
        ]
        assert all(each | {"teaser": ""} == told[0] | {"teaser": ""} for each in told)
        assert told[0]["reason"] == "subscription_required"
        assert told[0]["notice"]["text"].startswith("The gift that you came with can no longer be opened.")

    def test_has_run_out_too(self, code: str, stranger: Client) -> None:
        set_clock(NOON + 15 * DAY)
        assert read(stranger, code)["notice"] == read(stranger, "never-made")["notice"]

    def test_never_hides_what_is_the_matter_with_a_payment(self) -> None:
        article()
        other = reader("other@readers.example")
        entitle(other, failed())
        told = read(sign_in(other), "never-made")
        assert (told["reason"], told["remedies"][0]["kind"]) == ("payment_failed", "fix_card")
        assert "0341" in told["notice"]["text"]


class TestTakingBack:
    def test_closes_it_to_everybody(self, giver: User, stranger: Client) -> None:
        given = give(giver)
        read(stranger, code_of(given))
        assert sign_in(giver).delete(f"/api/v1/gifts/{given['id']}").status_code == 204
        assert "body" not in read(stranger)
        assert "body" not in read(Client(), code_of(given))

    def test_twice_is_404(self, giver: User) -> None:
        path = f"/api/v1/gifts/{give(giver)['id']}"
        home = sign_in(giver)
        assert [home.delete(path).status_code for _ in range(2)] == [204, 404]

    def test_another_s_is_404_and_stays(self, giver: User, stranger: Client) -> None:
        given = give(giver)
        other = sign_in(reader("other@readers.example"))
        assert other.delete(f"/api/v1/gifts/{given['id']}").json()["code"] == "gift_unknown"
        assert read(stranger, code_of(given))["access"] == "full"

    def test_gifts_are_listed_to_their_giver(self, giver: User) -> None:
        article("other")
        first, second = give(giver), give(giver, "other")
        read(Client(), code_of(second), "other")
        sign_in(giver).delete(f"/api/v1/gifts/{first['id']}")
        told = sign_in(giver).get("/api/v1/gifts").json()
        second.pop("gifts_left")
        assert told == {
            "gifts": [{**second, "openings_left": 4}], "gifts_left": 8, "resets_at": "2026-12-01T00:00:00Z",
        }  # fmt: skip
        assert sign_in(reader("other@readers.example")).get("/api/v1/gifts").json()["gifts"] == []

    def test_a_gift_of_what_the_cms_removed_has_no_address(self, giver: User) -> None:
        give(giver)
        Article.objects.all().delete()
        assert sign_in(giver).get("/api/v1/gifts").json()["gifts"][0]["url"] is None


class TestGiver:
    def test_who_is_blocked_has_given_nothing(self, giver: User, code: str, stranger: Client) -> None:
        read(stranger, code)
        User.objects.filter(pk=giver.pk).update(is_active=False)
        assert "body" not in read(stranger, code)
        assert "body" not in read(Client(), code)

    def test_who_closes_the_account_leaves_nothing(self, giver: User, code: str, stranger: Client) -> None:
        read(stranger, code)
        closing.close(giver, now=NOON)
        assert "body" not in read(stranger)
        assert not Gift.objects.exists()
        assert not GiftOpening.objects.exists()

    def test_a_receiver_who_closes_the_account_leaves_nothing_but_that_it_was_opened(self, code: str) -> None:
        left = Gift.objects.get().openings_left
        for name in ("other", "another"):
            somebody = reader(f"{name}@readers.example")
            read(sign_in(somebody), code)
            closing.close(somebody, now=NOON)
        assert not GiftOpening.objects.exclude(reader=None).exists()
        assert Gift.objects.get().openings_left == left - 2, "a new account is no new opening"


class TestStaff:
    def test_are_told_which_gift_opened_an_article_then(self, giver: User, code: str) -> None:
        other, story = reader("other@readers.example"), Article.objects.get()
        read(sign_in(other), code)
        told = access.explain(other, story, at=NOON + DAY, known_at=NOON + MINUTE)
        fact = next(each for each in told.facts if each.name == "gift")
        assert told.decision.reason is Reason.GIFT_LINK
        assert fact.value == "opens until 2026-12-09 12:00:00 UTC"
        assert fact.origin == (
            f"gift {Gift.objects.get().key}, made 2026-11-25 12:00:00 UTC, "
            "accepted by this reader 2026-11-25 12:00:00 UTC"
        )
        assert giver.public_id not in fact.origin
        before = access.explain(other, story, at=NOON - MINUTE, known_at=NOON + MINUTE)
        assert before.decision.reason is Reason.SUBSCRIPTION_REQUIRED

    def test_see_what_it_was_before_it_was_taken_back(self, giver: User, code: str) -> None:
        other, story = reader("other@readers.example"), Article.objects.get()
        read(sign_in(other), code)
        giving.take_back(giver, Gift.objects.get().key, now=NOON + DAY)
        told = [
            access.explain(other, story, at=at, known_at=NOON + 9 * DAY) for at in (NOON + MINUTE, NOON + DAY)
        ]
        assert [each.decision.reason for each in told] == [Reason.GIFT_LINK, Reason.SUBSCRIPTION_REQUIRED]

    def test_take_a_gift_back_and_say_why(self, code: str, stranger: Client) -> None:
        read(stranger, code)
        desk = sign_in(a_member_of_staff())
        chosen = {"action": "take_back", "_selected_action": [Gift.objects.get().pk]}
        page = reverse("admin:paywall_gift_changelist")
        assert "Please say why" in desk.post(page, chosen, follow=True).content.decode()
        assert read(stranger)["access"] == "full"
        done = desk.post(page, {**chosen, "reason": "Posted in a forum"}, follow=True).content.decode()
        assert "1 gift taken back" in done
        assert "body" not in read(stranger)
        assert LogEntry.objects.get().change_message == "Taken back. Posted in a forum"

    def test_are_not_shown_the_code(self, code: str) -> None:
        desk = sign_in(a_member_of_staff())
        gift = Gift.objects.get()
        for page in (
            reverse("admin:paywall_gift_changelist"),
            reverse("admin:paywall_gift_change", args=[gift.pk]),
            f"{reverse('admin:paywall_gift_changelist')}?q={gift.key}",
        ):
            shown = desk.get(page).content.decode()
            assert gift.key in shown
            assert code not in shown
        assert (
            desk.get(f"{reverse('admin:paywall_gift_changelist')}?code__startswith={code[:3]}").status_code
            == 400
        )


@pytest.mark.django_db(transaction=True)
def test_the_last_opening_is_given_once() -> None:
    story, who = article(), reader()
    entitle(who, grant())
    for round_ in range(3):
        given = gift(who, article=story, openings=3)
        accept = partial(gifts.accept, given.code, article=story.id, now=NOON)
        for number in range(2):
            accept(Identity(None, device=f"early-{round_}-{number}"))
        devices = [Identity(None, device=f"device-{round_}-{number}") for number in range(8)]
        passes = at_once(*(partial(accept, each) for each in devices))
        assert sum(found is not None for found in passes) == 1
        assert given.openings.count() == 3


@pytest.mark.django_db(transaction=True)
def test_one_device_that_accepts_many_times_at_once_accepts_once() -> None:
    story, who = article(), reader()
    entitle(who, grant())
    given = gift(who, article=story)
    somebody = Identity(None, device="device-1")
    assert all(at_once(*[partial(gifts.accept, given.code, somebody, story.id, now=NOON)] * 8))
    assert given.openings.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_quota_holds_however_many_ask_at_once() -> None:
    who = reader()
    entitle(who, grant())
    terms = GiftTerms(per_month=3, lasts=14 * DAY, openings=5)

    def make(story: Article) -> bool:
        try:
            return giving.give(who, story, terms=terms, now=NOON)[1]
        except GiftQuotaUsed:
            return False

    made = at_once(*(partial(make, article(f"a{number}")) for number in range(8)))
    assert made.count(True) == Gift.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_one_article_given_many_times_at_once_is_one_gift() -> None:
    story, who = article(), reader()
    entitle(who, grant())
    given = at_once(*[partial(gift, who, article=story)] * 6)
    assert len({each.code for each in given}) == Gift.objects.count() == 1
