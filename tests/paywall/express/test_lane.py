"""The express lane: no SQL where what is kept settles it, the ordinary answer to the letter, void at once."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from http import HTTPStatus
from itertools import product as every
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.hashers import make_password
from django.test import Client

from accounts import sessions, shelf
from accounts.identity import Identity
from accounts.models import Session, User
from accounts.session_store import Door, SessionStore
from paywall import articles, entitlements, metering, rules
from paywall.decision.article import Demand
from paywall.models import CrawlerPolicy
from tests.factories.paywall import (
    NOON,
    article,
    draft,
    entitle,
    failed,
    gift,
    grant,
    institution,
    live_rules,
    meter,
    product,
    reader,
)
from tests.paywall.conftest import SITE
from tests.paywall.express.conftest import Answer, Browser, Web
from tests.proofs.processes.services import Redis

pytestmark = pytest.mark.usefixtures("at_noon")

SOURCE = "subscription:sub_1"
STATED = {
    "url": "http://localhost:8001/harbour-vote",
    "title": "The harbour votes",
    "published_at": "2026-11-24T12:00:00Z",
    "body": "<p>all of it</p>",
    "demand": "subscriber",
    "products": ["premium"],
}


@pytest.fixture
def mara(transactional_db: None) -> User:
    """A subscriber."""
    who = reader()
    entitle(who, grant())
    return who


@pytest.fixture
def vote(transactional_db: None) -> None:
    article(url="http://localhost:8001/harbour-vote")


ODD: list[dict[str, str]] = [
    {"AUTHORIZATION": SITE["Authorization"]},
    {"AUTHORIZATION": "Basic eDp5"},
    {"X_SESSION_TOKEN": "a" * 32},
    {"ACCEPT": "text/html"},
    {"ACCEPT": "application/json; indent=4"},
    {"X_DEVICE_ID": "x\x01"},
    {"HOST": "elsewhere.example"},
]


def warm(ask: Callable[[], Answer]) -> Answer:
    """Ask until everything is laid in that can be, and once more."""
    for _ in range(3):
        ask()
    return ask()


@pytest.mark.usefixtures("vote")
class TestWithoutSql:
    def test_a_subscriber_is_answered(self, web: Web, mara: User) -> None:
        browser = web.browser(mara)
        for ask in (browser.peek, browser.check):
            answer = warm(ask)
            assert (answer.is_express, answer.reason) == (True, "entitled")

    def test_a_stranger_is_answered(self, web: Web) -> None:
        browser = web.browser()
        for ask in (browser.peek, browser.check):
            answer = warm(ask)
            assert (answer.is_express, answer.reason) == (True, "subscription_required")

    @pytest.mark.usefixtures("mara")
    def test_who_reads_an_article_again_is_answered(self, web: Web) -> None:
        meter()
        article("metered", demand="", url="http://localhost:8001/metered")
        browser = web.browser(reader("second@readers.example"))
        first = browser.check("metered")
        assert (first.status, first.is_express) == (204, False)
        for ask in (browser.peek, browser.check):
            answer = warm(lambda ask=ask: ask("metered"))  # type: ignore[misc]
            assert (answer.is_express, answer.reason) == (True, "metered")

    def test_an_app_with_its_token_is_answered(self, web: Web, mara: User) -> None:
        cookie = web.browser(mara).cookies[django_settings.SESSION_COOKIE_NAME]
        session = SessionStore(cookie)
        session.move_to(Door.HEADER)
        session.save()
        token = session.session_key or ""
        answer = warm(lambda: web.ask("/api/v1/articles/harbour-vote/access", X_SESSION_TOKEN=token))
        assert (answer.is_express, answer.reason) == (True, "entitled")
        assert django_settings.DEVICE_COOKIE_NAME in answer.headers["Set-Cookie"]

    def test_one_round_trip_is_made(self, web: Web, mara: User, redis: Redis) -> None:
        browser = web.browser(mara)
        warm(browser.peek)
        before = redis.commands()
        browser.peek()
        # What the script does inside costs no trip.
        assert redis.commands() - before == Counter(evalsha=1, hmget=1, get=1, mget=1, info=1)


@pytest.mark.usefixtures("vote")
class TestTheOrdinaryWay:
    """What nothing kept may settle."""

    def refused(self, browser: Browser, reason: str) -> None:
        for ask in (browser.peek, browser.check):
            answer = warm(ask)
            assert (answer.is_express, answer.reason) == (False, reason)

    def test_a_reader_is_never_refused_by_what_is_kept(self, web: Web) -> None:
        self.refused(web.browser(reader()), "subscription_required")

    def test_who_has_trouble_is_told_of_it_as_it_is(self, web: Web) -> None:
        who = reader()
        entitle(who, failed())
        self.refused(web.browser(who), "payment_failed")

    def test_staff_are_known_by_the_database(self, web: Web) -> None:
        self.refused(web.browser(reader(is_staff=True)), "staff")

    def test_an_institution_is(self, web: Web) -> None:
        institution(domains=["uni.example"], products=["premium"])
        who = reader("mara@uni.example")
        who.vouch_for_email()
        self.refused(web.browser(who), "institution")

    def test_a_free_read_is_spent_there(self, web: Web) -> None:
        meter(stranger_reads=1)
        article("metered", demand="", url="http://localhost:8001/metered")
        article("another", demand="", url="http://localhost:8001/another")
        browser = web.browser()
        assert warm(lambda: browser.peek("metered")).told["meter"]["used"] == 0
        assert browser.check("metered").status == 204
        assert browser.peek("metered").told["meter"]["used"] == 1
        assert browser.check("another").status == 401

    def test_odd_requests_are(self, web: Web, mara: User, settings: Any) -> None:
        browser = web.browser(mara)
        assert warm(browser.peek).is_express
        for headers in ODD:
            asked = [browser.peek(**headers) for _ in range(3)]
            assert not any(answer.is_express for answer in asked), headers
            settings.EXPRESS_LANE = False
            asked.append(browser.peek(**headers))
            settings.EXPRESS_LANE = True
            assert len({(answer.status, str(answer.told)) for answer in asked}) == 1, headers
            assert asked[-1].status != HTTPStatus.OK or "indent" in headers["ACCEPT"]

    def test_a_proven_crawler_is(self, web: Web) -> None:
        CrawlerPolicy.objects.create(kind="search", shown="full")
        browser = web.browser()
        warm(browser.peek)
        assert not browser.peek(USER_AGENT="Googlebot/2.1").is_express

    def test_all_is_where_it_is_switched_off(self, web: Web, mara: User, settings: Any) -> None:
        browser = web.browser(mara)
        assert warm(browser.peek).is_express
        settings.EXPRESS_LANE = False
        assert not browser.peek().is_express


@pytest.mark.usefixtures("vote")
@pytest.mark.parametrize("who", ["stranger", "subscriber", "new device"])
def test_the_answer_is_the_ordinary_one_to_the_letter(web: Web, mara: User, settings: Any, who: str) -> None:
    browser = web.browser(mara if who == "subscriber" else None)
    languages = ["", "de", "de-AT,de;q=0.8,en;q=0.5", "xx"]
    origins = ["", "http://localhost:8001", "https://elsewhere.example"]
    for ask, language, origin in every((browser.peek, browser.check), languages, origins):
        headers = {"ACCEPT_LANGUAGE": language, "ORIGIN": origin}
        sent = {name: value for name, value in headers.items() if value}

        def again(ask: Callable[..., Answer] = ask, sent: dict[str, str] = sent) -> Answer:
            if who == "new device":
                browser.cookies.clear()
            return ask(**sent)

        express = warm(again)
        settings.EXPRESS_LANE = False
        ordinary = again()
        settings.EXPRESS_LANE = True
        assert (express.is_express, ordinary.is_express) == (True, False)
        assert (express.status, express.told) == (ordinary.status, ordinary.told)
        assert without_cookie(express) == without_cookie(ordinary)
        assert ("Set-Cookie" in express.headers) == ("Set-Cookie" in ordinary.headers)
        assert list(json.loads(express.body or "{}")) == list(json.loads(ordinary.body or "{}"))


def without_cookie(answer: Answer) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "Set-Cookie"}


@pytest.mark.usefixtures("vote")
class TestVoidAtOnce:
    """Whatever changes, the next answer knows it."""

    @pytest.fixture
    def reading(self, web: Web, mara: User) -> Browser:
        browser = web.browser(mara)
        for ask in (browser.peek, browser.check):
            assert warm(ask).is_express
        return browser

    def test_a_right_that_was_withdrawn(self, reading: Browser, mara: User) -> None:
        entitlements.replace(mara, source=SOURCE, grants=(), now=NOON)
        assert reading.peek().reason == "subscription_required"

    def test_a_right_that_ended(self, web: Web, settings: Any) -> None:
        who = reader()
        entitle(who, grant(ends_at=NOON))
        settings.CLOCK_FILE.write_text(str(float(settings.CLOCK_FILE.read_text()) - 30))
        browser = web.browser(who)
        assert warm(browser.peek).is_express
        settings.CLOCK_FILE.write_text(str(float(settings.CLOCK_FILE.read_text()) + 30))
        assert browser.peek().reason == "subscription_ended"

    def test_a_payment_that_failed(self, reading: Browser, mara: User) -> None:
        entitlements.replace(mara, source=SOURCE, grants=(failed(),), now=NOON)
        assert reading.peek().reason == "payment_failed"

    def test_a_session_that_was_ended(self, reading: Browser, mara: User) -> None:
        sessions.end_others(mara, but=None)
        assert reading.check().status == 401

    def test_a_session_whose_row_is_gone(self, reading: Browser, mara: User) -> None:
        Session.objects.filter(reader=mara).delete()
        assert reading.check().status == 401

    def test_a_sign_out(self, web: Web, mara: User) -> None:
        client = Client()
        client.force_login(mara, backend=django_settings.AUTHENTICATION_BACKENDS[0])
        name = django_settings.SESSION_COOKIE_NAME
        browser = web.browser()
        browser.cookies[name] = client.cookies[name].value
        assert warm(browser.peek).is_express
        client.post("/account/logout/")
        assert browser.peek().reason == "subscription_required"

    def test_an_account_that_was_blocked(self, reading: Browser, mara: User) -> None:
        mara.is_active = False
        mara.save()
        assert reading.check().status == 401

    def test_another_password(self, reading: Browser, mara: User) -> None:
        mara.password = make_password("another horse battery")
        mara.save()
        assert reading.check().status == 401

    def test_an_article_that_was_withdrawn(self, reading: Browser, site: Client) -> None:
        gone = {**STATED, "unpublished_at": "2026-11-25T11:00:00Z"}
        assert (
            site.put("/api/v1/articles/harbour-vote", gone, content_type="application/json").status_code
            == 200
        )
        assert [ask().reason for ask in (reading.peek, reading.check)] == ["unpublished"] * 2

    def test_an_article_that_was_forgotten(self, reading: Browser) -> None:
        articles.remove("harbour-vote")
        assert (reading.peek().status, reading.check().status) == (404, 403)

    def test_an_article_that_asks_for_another_product(self, reading: Browser, site: Client) -> None:
        product("culture")
        other = {**STATED, "products": ["culture"]}
        site.put("/api/v1/articles/harbour-vote", other, content_type="application/json")
        assert [ask().reason for ask in (reading.peek, reading.check)] == ["upgrade_required"] * 2

    def test_an_address_to_which_another_article_moved(self, reading: Browser, site: Client) -> None:
        site.put(
            "/api/v1/articles/another", {**STATED, "demand": "registered", "products": []},
            content_type="application/json",
        )  # fmt: skip
        assert (reading.check().status, reading.check().reason) == (403, "unpublished")

    def test_rules_that_were_published(self, web: Web, mara: User) -> None:
        live_rules(otherwise_products=["premium"])
        article("ruled", demand="")
        product("culture")
        browser = web.browser(mara)
        assert warm(lambda: browser.peek("ruled")).is_express
        rules.publish(draft(otherwise_products=["culture"]), by=None, now=NOON)
        assert browser.peek("ruled").reason == "upgrade_required"

    def test_a_gift_that_was_made(self, web: Web, mara: User) -> None:
        guest = web.browser()
        assert warm(guest.peek).is_express
        code = gift(mara, article=articles.for_decision("harbour-vote")).code
        read = f"/api/v1/articles/harbour-vote/read?gift={code}"
        assert guest.get(read, method="POST").reason == "gift_link"
        assert guest.peek().reason == "gift_link"

    def test_a_network_that_is_an_institution_s(self, web: Web, settings: Any) -> None:
        browser = web.browser()
        assert warm(browser.peek).is_express
        settings.TRUSTED_PROXIES = 1
        on_campus = {"X_FORWARDED_FOR": "192.0.2.7"}
        assert browser.peek(**on_campus).reason == "subscription_required"
        institution("192.0.2.0/24", products=["premium"])
        assert browser.peek(**on_campus).reason == "institution"
        assert browser.peek(X_FORWARDED_FOR="198.51.100.7").reason == "subscription_required"

    def test_a_free_read_that_was_used_elsewhere(self, web: Web) -> None:
        meter(stranger_reads=1, reader_reads=1)
        article("metered", demand="")
        who = reader()
        browser = web.browser(who)
        assert warm(lambda: browser.peek("metered")).told["meter"]["used"] == 0
        terms = rules.published(rules.live().key).meter  # type: ignore[union-attr]
        assert terms is not None
        metering.spend(Identity(who), "another", terms=terms, now=NOON)
        assert browser.peek("metered").reason == "meter_exhausted"

    def test_a_reader_whose_rights_came(self, web: Web) -> None:
        who = reader()
        product("premium")
        browser = web.browser(who)
        assert warm(browser.peek).reason == "subscription_required"
        entitlements.replace(who, source=SOURCE, grants=(grant(),), now=NOON)
        assert browser.peek().reason == "entitled"

    def test_an_article_made_free(self, web: Web, site: Client) -> None:
        browser = web.browser()
        assert warm(browser.peek).is_express
        free = {**STATED, "demand": "free", "products": []}
        site.put("/api/v1/articles/harbour-vote", free, content_type="application/json")
        assert browser.peek().reason == Demand.FREE


@pytest.mark.usefixtures("vote")
class TestRedisIn:
    """Trouble: answers stay right, and are never refused."""

    def test_no_state_at_all(self, web: Web, mara: User, redis: Redis) -> None:
        browser = web.browser(mara)
        assert warm(browser.peek).is_express
        redis.kill()
        answers = [browser.peek() for _ in range(5)]
        assert {answer.reason for answer in answers} == {"entitled"}
        entitlements.replace(mara, source=SOURCE, grants=(), now=NOON)
        assert browser.peek().reason == "subscription_required"

    def test_a_state_of_emptiness(self, web: Web, mara: User, redis: Redis) -> None:
        browser = web.browser(mara)
        assert warm(browser.peek).is_express
        redis.flush()
        assert (browser.peek().is_express, browser.peek().reason) == (False, "entitled")
        assert warm(browser.peek).is_express

    def test_a_frozen_state(self, web: Web, mara: User, redis: Redis) -> None:
        browser = web.browser(mara)
        assert warm(browser.peek).is_express
        redis.freeze()
        try:
            assert {browser.peek().reason for _ in range(5)} == {"entitled"}
        finally:
            redis.thaw()


@pytest.mark.usefixtures("vote")
class TestWhatAnAttackerTries:
    @pytest.mark.parametrize("headers", [
        {"AUTHORIZATION": "Bearer null"}, {"AUTHORIZATION": "Bearer "}, {"X_SESSION_TOKEN": "null"},
    ])  # fmt: skip
    def test_a_wrong_credential_is_never_nobody(self, web: Web, headers: dict[str, str]) -> None:
        browser = web.browser()
        assert warm(browser.peek).is_express
        for ask in (browser.peek, browser.check):
            assert ask(**headers).status == HTTPStatus.UNAUTHORIZED

    def test_an_error_of_one_s_own_dresses_nobody_else_s_answer(self, web: Web) -> None:
        browser = web.browser()
        warm(browser.check)
        assert browser.check(X_SESSION_TOKEN="a" * 32).status == HTTPStatus.UNAUTHORIZED
        express = browser.check()
        assert (express.is_express, express.status) == (True, HTTPStatus.UNAUTHORIZED)
        assert "WWW-Authenticate" not in express.headers

    def test_what_was_spoilt_in_redis_is_not_an_error(self, web: Web, mara: User, redis: Redis) -> None:
        browser = web.browser(mara)
        for spoilt in ("nope", "[]", "\\xff", '{"until":1}'):
            assert warm(browser.peek).is_express
            redis.spoil("data", spoilt)
            assert (browser.peek().status, browser.peek().reason) == (200, "entitled")
            redis.flush()

    def test_made_up_articles_and_addresses_leave_nothing_behind(self, web: Web, redis: Redis) -> None:
        browser = web.browser()
        warm(browser.check)
        before = redis.keys()
        for number in range(50):
            browser.peek(f"made-up-{number}")
            browser.check(f"made-up-{number}")
        assert redis.keys() <= before + 1
        browser.peek("made-up-0")
        dear = browser.peek("made-up-0").statements
        assert dear <= 2

    def test_a_browser_behind_a_proxy_is_answered(self, web: Web, mara: User) -> None:
        browser = web.browser(mara)
        accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
        assert warm(lambda: browser.check(ACCEPT=accept)).is_express

    def test_an_address_is_not_believed_for_longer_than_anything_else(
        self, web: Web, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        browser = web.browser()
        assert warm(browser.check).is_express
        later = time.monotonic() + shelf.LONGEST.total_seconds() + 1
        monkeypatch.setattr(time, "monotonic", lambda: later)
        assert warm(browser.peek).is_express  # the article is fresh again, the address is not
        assert not browser.check().is_express


@pytest.mark.usefixtures("vote")
def test_a_stranger_whom_nobody_asked_about_is_answered_at_once(web: Web) -> None:
    warm(web.browser().peek)
    assert web.browser().peek().is_express
