"""Without Redis the lane asks the database, and answers to the letter what the ordinary way would."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection

from accounts import sessions
from accounts.models import Session, User
from accounts.session_store import SEEN, SessionStore
from paywall import articles, entitlements
from paywall.models import CrawlerList, CrawlerPolicy, FreeRead, InstitutionUse
from paywall.robots import KNOWN
from tests.factories.paywall import (
    DAY,
    NOON,
    article,
    entitle,
    failed,
    gift,
    grant,
    in_grace,
    institution,
    live_rules,
    product,
    reader,
)
from tests.paywall.express.conftest import Answer, Browser, Web

pytestmark = pytest.mark.usefixtures("at_noon")

SOURCE = "subscription:sub_1"
# Whoever asks, and what they send.
Asker = tuple[Browser, dict[str, str]]


@pytest.fixture
def vote(transactional_db: None) -> None:
    product()
    article(url="http://localhost:8001/harbour-vote")


def pass_a_check(web: Web) -> None:
    """Let the lane learn how the answer looks when a check is passed: before that it spends nothing."""
    article("to-all", demand="free", products=[], url="http://localhost:8001/to-all")
    assert web.browser().check("to-all").was_handed_on


def stranger(web: Web, settings: Any) -> Asker:
    return web.browser(), {}


def subscriber(web: Web, settings: Any) -> Asker:
    who = reader()
    entitle(who, grant())
    return web.browser(who), {}


def subscriber_in_grace(web: Web, settings: Any) -> Asker:
    who = reader()
    entitle(who, in_grace())
    return web.browser(who), {}


def reader_with_nothing(web: Web, settings: Any) -> Asker:
    return web.browser(reader()), {}


def reader_whose_card_failed(web: Web, settings: Any) -> Asker:
    who = reader()
    entitle(who, failed())
    return web.browser(who), {}


def reader_whose_time_ended(web: Web, settings: Any) -> Asker:
    who = reader()
    entitle(who, grant(ends_at=NOON - DAY))
    return web.browser(who), {}


def staff(web: Web, settings: Any) -> Asker:
    return web.browser(reader(is_staff=True)), {}


def student(web: Web, settings: Any) -> Asker:
    institution(domains=["uni.example"])
    who = reader("mara@uni.example")
    who.vouch_for_email()
    return web.browser(who), {}


def visitor_on_campus(web: Web, settings: Any) -> Asker:
    settings.TRUSTED_PROXIES = 1
    institution("192.0.2.0/24")
    return web.browser(), {"X_FORWARDED_FOR": "192.0.2.7"}


def search_engine(web: Web, settings: Any) -> Asker:
    settings.TRUSTED_PROXIES = 1
    CrawlerList.objects.create(url=KNOWN[0].lists[0], networks=["66.249.64.0/19"], due_at=NOON)
    CrawlerPolicy.objects.create(kind="search", shown="full")
    return web.browser(), {"X_FORWARDED_FOR": "66.249.66.1", "USER_AGENT": "Googlebot/2.1"}


def guest(web: Web, settings: Any) -> Asker:
    giver = reader("giver@readers.example")
    entitle(giver, grant())
    code = gift(giver, article=articles.for_decision("harbour-vote")).code
    browser = web.browser()
    browser.get(f"/api/v1/articles/harbour-vote/read?gift={code}", method="POST")
    return browser, {}


def metered_reader(web: Web, settings: Any) -> Asker:
    articles.remove("harbour-vote")
    live_rules(otherwise_demand="metered", otherwise_products=["premium"], stranger_reads=1, reader_reads=1)
    for name in ("harbour-vote", "quay-walk"):
        article(name, demand="", url=f"http://localhost:8001/{name}")
    browser = web.browser(reader())
    browser.check()
    return browser, {}


def reader_metered_out(web: Web, settings: Any) -> Asker:
    browser, _ = metered_reader(web, settings)
    FreeRead.objects.update(article="quay-walk")
    return browser, {}


WHO: dict[Callable[[Web, Any], Asker], str] = {
    stranger: "subscription_required",
    subscriber: "entitled",
    subscriber_in_grace: "grace_period",
    reader_with_nothing: "subscription_required",
    reader_whose_card_failed: "payment_failed",
    reader_whose_time_ended: "subscription_ended",
    staff: "staff",
    student: "institution",
    visitor_on_campus: "institution",
    search_engine: "verified_crawler",
    guest: "gift_link",
    metered_reader: "metered",
    reader_metered_out: "meter_exhausted",
}


@pytest.mark.usefixtures("vote")
@pytest.mark.parametrize("who", WHO, ids=lambda who: who.__name__)
def test_the_answer_is_the_ordinary_one_to_the_letter(
    alone: Web, settings: Any, who: Callable[[Web, Any], Asker]
) -> None:
    pass_a_check(alone)
    browser, sent = who(alone, settings)
    for ask in (browser.peek, browser.check):
        settings.EXPRESS_LANE = True
        again = [ask(**sent) for _ in range(3)][
            -1
        ]  # at first nothing was learned of how such an answer looks
        settings.EXPRESS_LANE = False
        ordinary = ask(**sent)
        assert ordinary.reason == WHO[who]
        assert not again.was_handed_on
        assert again.statements <= ordinary.statements
        assert (again.status, again.told, again.headers) == (ordinary.status, ordinary.told, ordinary.headers)
        assert list(json.loads(again.body or "{}")) == list(json.loads(ordinary.body or "{}"))


@pytest.mark.usefixtures("vote")
class TestPassing:
    """Spends what it spends the ordinary way, once."""

    def test_a_free_read_is_spent_once(self, alone: Web, settings: Any) -> None:
        browser, _ = metered_reader(alone, settings)
        FreeRead.objects.all().delete()
        answers = [browser.check() for _ in range(3)]
        assert [(answer.was_handed_on, answer.status) for answer in answers] == [(False, 204)] * 3
        assert FreeRead.objects.filter(wallet__reader__isnull=False).count() == 1
        assert browser.check("quay-walk").reason == "meter_exhausted"

    def test_an_institution_is_counted_each_time(self, alone: Web, settings: Any) -> None:
        browser, sent = visitor_on_campus(alone, settings)
        assert [browser.check(**sent).was_handed_on for _ in range(3)] == [True, False, False]
        assert InstitutionUse.objects.get().opens == 3


@pytest.mark.usefixtures("vote")
class TestTheOrdinaryWay:
    """What is more than a decision."""

    def test_a_session_is_renewed_there_once_a_day(self, alone: Web, settings: Any) -> None:
        browser, _ = subscriber(alone, settings)
        assert not [browser.peek() for _ in range(2)][-1].was_handed_on
        session = SessionStore(browser.cookies[django_settings.SESSION_COOKIE_NAME])
        session[SEEN] = (NOON - 2 * DAY).timestamp()
        session.save()
        assert [browser.peek().was_handed_on for _ in range(3)] == [True, False, False]
        assert Session.objects.get().last_seen_at >= NOON

    def test_who_is_signed_in_no_more_is_told_there(self, alone: Web, settings: Any) -> None:
        browser, _ = subscriber(alone, settings)
        assert browser.check().status == HTTPStatus.NO_CONTENT
        sessions.end_others(User.objects.get(), but=None)
        answer = browser.check()
        assert (answer.was_handed_on, answer.status) == (True, HTTPStatus.UNAUTHORIZED)

    def test_what_does_not_exist_is_told_there(self, alone: Web) -> None:
        browser = alone.browser()
        assert [browser.peek("nothing").status, browser.check("nothing").status] == [404, 403]
        assert browser.peek(HOST="elsewhere.example").status == HTTPStatus.BAD_REQUEST


@pytest.mark.usefixtures("vote")
class TestAtOnce:
    """Nothing is kept, so the next answer knows whatever was changed."""

    @pytest.fixture
    def reading(self, alone: Web, settings: Any) -> Browser:
        browser, _ = subscriber(alone, settings)
        assert not [browser.peek() for _ in range(2)][-1].was_handed_on
        return browser

    def told(self, browser: Browser) -> Answer:
        answer = browser.peek()
        assert not answer.was_handed_on
        return answer

    def test_a_right_that_was_withdrawn(self, reading: Browser) -> None:
        entitlements.replace(User.objects.get(), source=SOURCE, grants=(), now=NOON)
        assert self.told(reading).reason == "subscription_required"

    def test_rules_that_were_published(self, alone: Web) -> None:
        product("culture")
        article("ruled", demand="")
        live_rules(otherwise_products=["premium"])
        who = reader()
        entitle(who, grant())
        browser = alone.browser(who)
        assert browser.peek("ruled").reason == "entitled"
        live_rules(otherwise_products=["culture"], now=NOON)
        assert browser.peek("ruled").reason == "upgrade_required"

    def test_an_article_that_was_forgotten(self, reading: Browser) -> None:
        articles.remove("harbour-vote")
        assert reading.peek().status == HTTPStatus.NOT_FOUND


@pytest.mark.usefixtures("vote")
def test_trouble_with_the_database_is_for_the_ordinary_way_to_tell(alone: Web, settings: Any) -> None:
    browser, _ = subscriber(alone, settings)
    assert not [browser.peek() for _ in range(2)][-1].was_handed_on

    def refuse(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse):
        answer = browser.peek()
    assert (answer.was_handed_on, answer.status) == (True, HTTPStatus.SERVICE_UNAVAILABLE)
