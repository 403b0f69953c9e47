"""The demo newspaper against a paywall that says what the test wants: what readers are shown, and what never."""

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from werkzeug.test import Client, TestResponse

from paywall.demo import articles
from paywall.demo.paper import Paper
from tests.paywall.demo.fake_paywall import (
    ARTICLE,
    EMAIL,
    FIX_CARD,
    LOG_IN,
    NOW,
    PAGE,
    SITE,
    SUBSCRIBE,
    FakePaywall,
    opened,
)


def assert_walled(response: TestResponse) -> None:
    assert response.status_code == HTTPStatus.OK
    assert ARTICLE.teaser in response.text
    assert ARTICLE.marker not in response.text
    assert all(ARTICLE.marker not in value for _, value in response.headers)


class TestAnArticle:
    def test_opens_to_the_entitled(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.decision = opened()
        page = reader.get(PAGE)
        assert ARTICLE.marker in page.text
        assert 'class="wall' not in page.text

    def test_shows_others_the_teaser_and_what_the_paywall_says(self, reader: Client) -> None:
        page = reader.get(PAGE)
        assert_walled(page)
        assert "Sign in if you subscribe." in page.text

    def test_makes_the_first_remedy_the_main_button(self, reader: Client) -> None:
        page = reader.get(PAGE).text
        assert f'class="button" href="{LOG_IN["url"]}"' in page
        assert f'class="button quiet" href="{SUBSCRIBE["url"]}"' in page

    def test_tells_a_stranger_what_opens_it_and_for_how_much(
        self, reader: Client, paywall: FakePaywall
    ) -> None:
        paywall.decision = {"products": ["premium", "culture"]}
        page = reader.get(PAGE).text
        assert "€9.90 a month" in page
        assert "€99.00 a year" in page
        assert "€4.90 a month" in page

    def test_never_sells_to_a_reader_whose_card_failed(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.reader = EMAIL
        paywall.decision = {"reason": "payment_failed", "remedies": [FIX_CARD]}
        page = reader.get(PAGE)
        assert_walled(page)
        assert f'class="button" href="{FIX_CARD["url"]}"' in page.text
        assert "€9.90" not in page.text
        assert "subscribe/" not in page.text
        assert not [path for _, path, _ in paywall.asked if path.endswith("/plans")]

    def test_looks_again_often_while_a_card_is_the_matter(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.decision = {"reason": "payment_failed", "remedies": [FIX_CARD]}
        assert 'data-after="4"' in reader.get(PAGE).text

    def test_does_not_look_again_by_itself_for_a_stranger(self, reader: Client) -> None:
        assert 'data-after="0"' in reader.get(PAGE).text

    def test_reads_on_in_grace_under_a_banner(self, reader: Client, paywall: FakePaywall) -> None:
        notice = {
            "title": "Your card was declined.",
            "text": "Visa 0341 failed; you read on until 2 December.",
        }
        paywall.decision = opened(reason="grace_period", notice=notice, remedies=[FIX_CARD])
        page = reader.get(PAGE).text
        assert ARTICLE.marker in page
        assert notice["text"] in page
        assert FIX_CARD["url"] in page

    def test_withholds_a_body_that_came_with_less_than_full_access(
        self, reader: Client, paywall: FakePaywall
    ) -> None:
        paywall.decision = {"body": ARTICLE.body}
        assert_walled(reader.get(PAGE))

    def test_is_missing_while_unpublished(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.decision = {"access": "none", "reason": "embargoed"}
        page = reader.get(PAGE)
        assert page.status_code == HTTPStatus.NOT_FOUND
        assert ARTICLE.title not in page.text

    def test_spends_nothing_on_a_head_request(self, reader: Client, paywall: FakePaywall) -> None:
        reader.head(PAGE)
        assert not [path for _, path, _ in paywall.asked if path.endswith("/read")]

    def test_spends_nothing_on_a_guess_of_the_browser(self, reader: Client, paywall: FakePaywall) -> None:
        page = reader.get(PAGE, headers={"Sec-Purpose": "prefetch;prerender"})
        assert page.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert paywall.asked == []

    def test_tells_search_engines_what_the_paywall_says_and_where_the_withheld_text_is(
        self, reader: Client, paywall: FakePaywall
    ) -> None:
        told = {"@type": "NewsArticle", "of": ARTICLE.id, "selector": ".paywalled"}
        assert structured_data(reader.get(PAGE).text) == told
        paywall.decision = opened()
        page = reader.get(PAGE).text
        assert structured_data(page) == told
        assert 'class="story-text paywalled"' in page

    def test_offers_a_gift_and_spends_nothing_of_it(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.gift = "code"
        page = reader.get(f"{PAGE}?gift=code")
        assert_walled(page)
        assert "A gift for you" in page.text
        assert f"{ARTICLE.id}/read?gift=code" in page.text
        assert not [path for _, path, _ in paywall.asked if path.endswith("/read")]

    def test_shows_the_wall_to_whoever_comes_with_a_gift_that_opens_nothing(self, reader: Client) -> None:
        page = reader.get(f'{PAGE}?gift="><script>')
        assert_walled(page)
        assert "Sign in if you subscribe." in page.text
        assert "<script>" not in page.text

    def test_needs_no_gift_where_it_is_open_anyway(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.decision = opened()
        assert ARTICLE.marker in reader.get(f"{PAGE}?gift=code").text

    @pytest.mark.parametrize(
        ("reason", "may"), [("entitled", True), ("gift_link", False), ("metered", False)]
    )
    def test_can_be_given_away_by_its_subscribers(
        self, reader: Client, paywall: FakePaywall, reason: str, may: bool
    ) -> None:
        paywall.decision = opened(reason=reason)
        assert ("data-give=" in reader.get(PAGE).text) is may

    def test_nobody_wrote_is_missing(self, reader: Client) -> None:
        assert reader.get("/articles/moby-dick/").status_code == HTTPStatus.NOT_FOUND


class TestWhenThePaywallIsDown:
    def test_everybody_gets_the_teaser(self, lonely_reader: Client) -> None:
        page = lonely_reader.get(PAGE)
        assert_walled(page)
        assert "tries again by itself" in page.text

    @pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR])
    def test_an_error_is_no_answer(self, reader: Client, paywall: FakePaywall, status: HTTPStatus) -> None:
        paywall.status = status
        assert_walled(reader.get(PAGE))

    def test_a_decision_without_an_access_opens_nothing(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.decision = {"access": None}
        assert_walled(reader.get(PAGE))

    def test_the_front_page_still_comes_out(self, lonely_reader: Client) -> None:
        page = lonely_reader.get("/")
        assert page.status_code == HTTPStatus.OK
        assert ARTICLE.title in page.text


class TestTheFrontPage:
    def test_asks_once_for_all_locks(self, reader: Client, paywall: FakePaywall) -> None:
        reader.get("/")
        asked = [path for _, path, _ in paywall.asked]
        assert asked.count("/api/v1/access") == 1
        assert not [path for path in asked if path.startswith("/api/v1/articles/")]

    def test_locks_what_is_closed(self, reader: Client) -> None:
        page = reader.get("/").text
        assert "lock-subscriber" in page
        assert "lock-registered" in page
        assert "lock-open_to_you" not in page

    def test_unlocks_what_is_open(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.decision = opened()
        page = reader.get("/").text
        assert "lock-open_to_you" in page
        assert "lock-subscriber" not in page

    def test_shows_every_article_and_no_body(self, reader: Client) -> None:
        page = reader.get("/").text
        assert all(article.title in page for article in articles.edition())
        assert not [article.id for article in articles.edition() if article.marker in page]

    def test_offers_a_stranger_to_sign_in_and_come_back(self, reader: Client, api: str) -> None:
        assert f"{api}/account/login/?next=http%3A%2F%2Flocalhost%3A8001%2F" in reader.get("/").text

    def test_knows_who_is_signed_in(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.reader = EMAIL
        assert EMAIL in reader.get("/").text


class TestCookies:
    def test_go_along_with_the_question(self, reader: Client, paywall: FakePaywall) -> None:
        reader.set_cookie("sessionid", "abc")
        reader.set_cookie("csrftoken", "x" * 32)
        reader.get(PAGE)
        sent = next(headers for _, path, headers in paywall.asked if path.endswith("/read"))
        assert "sessionid=abc" in sent["Cookie"]
        assert sent["X-Csrftoken"] == "x" * 32

    def test_get_a_pair_made_up_where_the_browser_has_none(
        self, reader: Client, paywall: FakePaywall
    ) -> None:
        reader.get(PAGE)
        sent = next(headers for _, path, headers in paywall.asked if path.endswith("/read"))
        assert sent["Cookie"] == f"csrftoken={sent['X-Csrftoken']}"

    def test_of_the_paywall_reach_the_browser(self, reader: Client, paywall: FakePaywall) -> None:
        paywall.set_cookie = "device=d1.signed; Path=/; HttpOnly; SameSite=Lax"
        assert paywall.set_cookie in reader.get(PAGE).headers.getlist("Set-Cookie")

    def test_of_the_paywall_count_for_the_rest_of_the_page(
        self, reader: Client, paywall: FakePaywall
    ) -> None:
        paywall.set_cookie = "device=d1.signed; Path=/"
        reader.get(PAGE)
        assert "Cookie" in paywall.asked[0][2]
        assert "device=d1.signed" not in paywall.asked[0][2]["Cookie"]
        assert "device=d1.signed" in paywall.asked[-1][2]["Cookie"]

    def test_of_one_reader_never_reach_another(self, api: str, paywall: FakePaywall, mail_dir: Path) -> None:
        paper = Paper(site=SITE, api=api, mail_dir=mail_dir, clock=lambda: NOW)
        paywall.set_cookie = "sessionid=first; Path=/"
        Client(paper).get(PAGE)
        paywall.set_cookie = ""
        paywall.asked.clear()
        Client(paper).get(PAGE)
        assert not [headers for _, _, headers in paywall.asked if "first" in headers.get("Cookie", "")]


@pytest.mark.parametrize("path", ["/", "/sections/culture/", PAGE, "/articles/none/", "/mail/", "/health"])
def test_no_page_is_stored_and_none_calls_elsewhere(reader: Client, path: str) -> None:
    page = reader.get(path)
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["Content-Security-Policy"].startswith(
        "default-src 'self'; connect-src 'self' http://"
    )


@pytest.mark.parametrize(("header", "expected"), [("de-AT,de;q=0.9", "Anmelden"), ("fr", "Sign in")])
def test_pages_speak_the_readers_language(reader: Client, header: str, expected: str) -> None:
    assert expected in reader.get("/", headers={"Accept-Language": header}).text


@pytest.mark.parametrize("path", ["/static/..%2F__main__.py", "/pictures/..%2Farticles%2Fharbour-vote.html"])
def test_files_outside_their_folder_are_missing(reader: Client, path: str) -> None:
    assert reader.get(path).status_code == HTTPStatus.NOT_FOUND


def structured_data(page: str) -> dict[str, Any]:
    block = page.split('<script type="application/ld+json">', 1)[1].split("</script>", 1)[0]
    data: dict[str, Any] = json.loads(block)
    return data
