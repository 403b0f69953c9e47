"""The demo newspaper against a paywall that says what the test wants: what readers are shown, and what never."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import EmailMessage
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server
from werkzeug.test import Client, TestResponse
from werkzeug.wrappers import Request, Response

from paywall.demo import articles, newsroom
from paywall.demo.paper import Paper

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SITE = "http://localhost:8001"
ARTICLE = articles.by_id()["harbour-vote"]
PAGE = f"/articles/{ARTICLE.id}/"
EMAIL = "ada@reader.example"

LOG_IN = {"kind": "log_in", "url": "https://service.example/account/login/"}
SUBSCRIBE = {"kind": "subscribe", "url": "https://service.example/account/subscribe/?product=premium"}
FIX_CARD = {"kind": "fix_card", "url": "https://service.example/account/card/"}

PLANS = {
    "premium": {
        "name": "Premium",
        "description": "The whole paper.",
        "prices": [
            {"formatted": "€9.90", "interval": "month"},
            {"formatted": "€99.00", "interval": "year"},
        ],
    },
    "culture": {
        "name": "Culture",
        "description": "Everything in the culture section.",
        "prices": [{"formatted": "€4.90", "interval": "month", "interval_count": 1}],
    },
}


class FakePaywall:
    """The public API, as much of it as the newspaper uses; keeps what it was sent."""

    def __init__(self) -> None:
        self.reader: str | None = None
        self.decision: dict[str, Any] = {}
        self.status = HTTPStatus.OK
        self.set_cookie = ""
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.stated: dict[str, Any] = {}
        self.answer_to_statements = HTTPStatus.CREATED

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.asked.append((request.method, request.path, dict(request.headers)))
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.method == "PUT":
            self.stated[request.path.rsplit("/", 1)[1]] = request.get_json()
            return Response(status=self.answer_to_statements)
        if self.status != HTTPStatus.OK:
            return Response("<h1>Oh</h1>", status=self.status)
        response = Response(json.dumps(self._content(request)), mimetype="application/json")
        if self.set_cookie:
            response.headers["Set-Cookie"] = self.set_cookie
        return response

    def _content(self, request: Request) -> dict[str, Any]:
        match request.path.strip("/").split("/")[2:]:
            case ["session"]:
                return {"reader": {"id": "rdr_1", "email": self.reader} if self.reader else None}
            case ["plans"]:
                return {"plans": [PLANS[request.args["product"]]]}
            case ["access"]:
                return {"decisions": [self._decide(article) for article in request.get_json()["articles"]]}
            case ["articles", article_id, "access"]:
                return self._decide(article_id)
            case ["articles", article_id, "read"]:
                return self._read(article_id)
        raise AssertionError(request.path)

    def _decide(self, article_id: str) -> dict[str, Any]:
        return {
            "id": "dec_1",
            "article": article_id,
            "access": "teaser",
            "reason": "subscription_required",
            "products": ["premium"],
            "remedies": [LOG_IN, SUBSCRIBE],
            "notice": {"title": "Read on", "text": "Sign in if you subscribe."},
            "meter": None,
            "until": None,
            **self.decision,
        }

    def _read(self, article_id: str) -> dict[str, Any]:
        decision = self._decide(article_id)
        article = articles.by_id()[article_id]
        full = decision["access"] == "full"
        return decision | ({"body": article.body} if full else {"teaser": article.teaser})


@pytest.fixture
def paywall() -> FakePaywall:
    return FakePaywall()


@pytest.fixture
def api(paywall: FakePaywall) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, paywall, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def mail_dir(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture
def browser(api: str, mail_dir: Path) -> Client:
    return Client(Paper(site=SITE, api=api, mail_dir=mail_dir, clock=lambda: NOW))


@pytest.fixture
def lonely_browser(mail_dir: Path) -> Client:
    """A browser of a newspaper whose paywall is down: nobody listens on the discard port."""
    return Client(Paper(site=SITE, api="http://127.0.0.1:9", mail_dir=mail_dir, clock=lambda: NOW))


def opened(**more: Any) -> dict[str, Any]:
    return {"access": "full", "reason": "entitled", "remedies": [], "notice": None} | more


def assert_walled(response: TestResponse) -> None:
    assert response.status_code == HTTPStatus.OK
    assert ARTICLE.teaser in response.text
    assert ARTICLE.marker not in response.text
    assert all(ARTICLE.marker not in value for _, value in response.headers)


class TestAnArticle:
    def test_opens_to_the_entitled(self, browser: Client, paywall: FakePaywall) -> None:
        paywall.decision = opened()
        page = browser.get(PAGE)
        assert ARTICLE.marker in page.text
        assert 'class="wall' not in page.text

    def test_shows_others_the_teaser_and_what_the_paywall_says(self, browser: Client) -> None:
        page = browser.get(PAGE)
        assert_walled(page)
        assert "Sign in if you subscribe." in page.text

    def test_makes_the_first_remedy_the_main_button(self, browser: Client) -> None:
        page = browser.get(PAGE).text
        assert f'class="button" href="{LOG_IN["url"]}"' in page
        assert f'class="button quiet" href="{SUBSCRIBE["url"]}"' in page

    def test_tells_a_stranger_what_opens_it_and_for_how_much(
        self, browser: Client, paywall: FakePaywall
    ) -> None:
        paywall.decision = {"products": ["premium", "culture"]}
        page = browser.get(PAGE).text
        assert "€9.90 a month" in page
        assert "€99.00 a year" in page
        assert "€4.90 a month" in page

    def test_never_sells_to_a_reader_whose_card_failed(self, browser: Client, paywall: FakePaywall) -> None:
        paywall.reader = EMAIL
        paywall.decision = {"reason": "payment_failed", "remedies": [FIX_CARD]}
        page = browser.get(PAGE)
        assert_walled(page)
        assert f'class="button" href="{FIX_CARD["url"]}"' in page.text
        assert "€9.90" not in page.text
        assert "subscribe/" not in page.text
        assert not [path for _, path, _ in paywall.asked if path.endswith("/plans")]

    def test_looks_again_often_while_a_card_is_the_matter(
        self, browser: Client, paywall: FakePaywall
    ) -> None:
        paywall.decision = {"reason": "payment_failed", "remedies": [FIX_CARD]}
        assert 'data-after="4"' in browser.get(PAGE).text

    def test_does_not_look_again_by_itself_for_a_stranger(self, browser: Client) -> None:
        assert 'data-after="0"' in browser.get(PAGE).text

    def test_reads_on_in_grace_under_a_banner(self, browser: Client, paywall: FakePaywall) -> None:
        notice = {
            "title": "Your card was declined.",
            "text": "Visa 0341 failed; you read on until 2 December.",
        }
        paywall.decision = opened(reason="grace_period", notice=notice, remedies=[FIX_CARD])
        page = browser.get(PAGE).text
        assert ARTICLE.marker in page
        assert notice["text"] in page
        assert FIX_CARD["url"] in page

    def test_withholds_a_body_that_came_with_less_than_full_access(
        self, browser: Client, paywall: FakePaywall, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(paywall, "_read", lambda name: paywall._decide(name) | {"body": ARTICLE.body})
        assert_walled(browser.get(PAGE))

    def test_is_missing_while_unpublished(self, browser: Client, paywall: FakePaywall) -> None:
        paywall.decision = {"access": "none", "reason": "embargoed"}
        page = browser.get(PAGE)
        assert page.status_code == HTTPStatus.NOT_FOUND
        assert ARTICLE.title not in page.text

    def test_spends_nothing_on_a_head_request(self, browser: Client, paywall: FakePaywall) -> None:
        browser.head(PAGE)
        assert not [path for _, path, _ in paywall.asked if path.endswith("/read")]

    def test_spends_nothing_on_a_guess_of_the_browser(self, browser: Client, paywall: FakePaywall) -> None:
        page = browser.get(PAGE, headers={"Sec-Purpose": "prefetch;prerender"})
        assert page.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert paywall.asked == []

    def test_says_in_its_structured_data_that_it_is_not_free(self, browser: Client) -> None:
        data = structured_data(browser.get(PAGE).text)
        assert data["isAccessibleForFree"] is False
        assert data["hasPart"]["cssSelector"] == ".paywalled"
        assert ARTICLE.marker not in json.dumps(data)

    def test_is_free_in_its_structured_data_when_it_is(self, browser: Client) -> None:
        assert structured_data(browser.get("/articles/night-ferry/").text)["isAccessibleForFree"] is True

    def test_nobody_wrote_is_missing(self, browser: Client) -> None:
        assert browser.get("/articles/moby-dick/").status_code == HTTPStatus.NOT_FOUND


class TestWhenThePaywallIsDown:
    def test_everybody_gets_the_teaser(self, lonely_browser: Client) -> None:
        page = lonely_browser.get(PAGE)
        assert_walled(page)
        assert "tries again by itself" in page.text

    @pytest.mark.parametrize("status", [HTTPStatus.NOT_FOUND, HTTPStatus.INTERNAL_SERVER_ERROR])
    def test_an_error_is_no_answer(self, browser: Client, paywall: FakePaywall, status: HTTPStatus) -> None:
        paywall.status = status
        assert_walled(browser.get(PAGE))

    def test_a_decision_without_an_access_opens_nothing(self, browser: Client, paywall: FakePaywall) -> None:
        paywall.decision = {"access": None}
        assert_walled(browser.get(PAGE))

    def test_the_front_page_still_comes_out(self, lonely_browser: Client) -> None:
        page = lonely_browser.get("/")
        assert page.status_code == HTTPStatus.OK
        assert ARTICLE.title in page.text


class TestTheFrontPage:
    def test_asks_once_for_all_locks(self, browser: Client, paywall: FakePaywall) -> None:
        browser.get("/")
        asked = [path for _, path, _ in paywall.asked]
        assert asked.count("/api/v1/access") == 1
        assert not [path for path in asked if path.startswith("/api/v1/articles/")]

    def test_locks_what_is_closed(self, browser: Client) -> None:
        page = browser.get("/").text
        assert "lock-subscriber" in page
        assert "lock-registered" in page
        assert "lock-open_to_you" not in page

    def test_unlocks_what_is_open(self, browser: Client, paywall: FakePaywall) -> None:
        paywall.decision = opened()
        page = browser.get("/").text
        assert "lock-open_to_you" in page
        assert "lock-subscriber" not in page

    def test_shows_every_article_and_no_body(self, browser: Client) -> None:
        page = browser.get("/").text
        assert all(article.title in page for article in articles.edition())
        assert not [article.id for article in articles.edition() if article.marker in page]

    def test_offers_a_stranger_to_sign_in_and_come_back(self, browser: Client, api: str) -> None:
        assert f"{api}/account/login/?next=http%3A%2F%2Flocalhost%3A8001%2F" in browser.get("/").text

    def test_knows_who_is_signed_in(self, browser: Client, paywall: FakePaywall) -> None:
        paywall.reader = EMAIL
        assert EMAIL in browser.get("/").text


class TestCookies:
    def test_go_along_with_the_question(self, browser: Client, paywall: FakePaywall) -> None:
        browser.set_cookie("sessionid", "abc")
        browser.set_cookie("csrftoken", "x" * 32)
        browser.get(PAGE)
        sent = next(headers for _, path, headers in paywall.asked if path.endswith("/read"))
        assert "sessionid=abc" in sent["Cookie"]
        assert sent["X-Csrftoken"] == "x" * 32

    def test_get_a_pair_made_up_where_the_browser_has_none(
        self, browser: Client, paywall: FakePaywall
    ) -> None:
        browser.get(PAGE)
        sent = next(headers for _, path, headers in paywall.asked if path.endswith("/read"))
        assert sent["Cookie"] == f"csrftoken={sent['X-Csrftoken']}"

    def test_of_the_paywall_reach_the_browser(self, browser: Client, paywall: FakePaywall) -> None:
        paywall.set_cookie = "device=d1.signed; Path=/; HttpOnly; SameSite=Lax"
        assert paywall.set_cookie in browser.get(PAGE).headers.getlist("Set-Cookie")

    def test_of_the_paywall_count_for_the_rest_of_the_page(
        self, browser: Client, paywall: FakePaywall
    ) -> None:
        paywall.set_cookie = "device=d1.signed; Path=/"
        browser.get(PAGE)
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
def test_no_page_is_stored_and_none_calls_elsewhere(browser: Client, path: str) -> None:
    page = browser.get(path)
    assert page.headers["Cache-Control"] == "private, no-store"
    assert page.headers["Content-Security-Policy"].startswith(
        "default-src 'self'; connect-src 'self' http://"
    )


@pytest.mark.parametrize(("header", "expected"), [("de-AT,de;q=0.9", "Anmelden"), ("fr", "Sign in")])
def test_pages_speak_the_readers_language(browser: Client, header: str, expected: str) -> None:
    assert expected in browser.get("/", headers={"Accept-Language": header}).text


@pytest.mark.parametrize("path", ["/static/..%2F__main__.py", "/pictures/..%2Farticles%2Fharbour-vote.html"])
def test_files_outside_their_folder_are_missing(browser: Client, path: str) -> None:
    assert browser.get(path).status_code == HTTPStatus.NOT_FOUND


class TestTheOutbox:
    def write(self, folder: Path, name: str, *letters: EmailMessage) -> None:
        folder.mkdir(exist_ok=True)
        folder.joinpath(name).write_bytes(
            b"".join(bytes(mail) + b"\n" + b"-" * 79 + b"\n" for mail in letters)
        )

    def letter(self, subject: str, text: str, html: str = "") -> EmailMessage:
        message = EmailMessage()
        message["Subject"], message["To"] = subject, EMAIL
        message["Date"] = "Wed, 25 Nov 2026 12:00:00 -0000"
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        return message

    def test_says_so_when_it_is_empty(self, browser: Client) -> None:
        assert "No mail yet" in browser.get("/mail/").text

    def test_shows_the_newest_first_with_its_code(self, browser: Client, mail_dir: Path) -> None:
        first = self.letter("Welcome", "See https://service.example/account/.")
        second = self.letter("Your code", "Here it is:\n\n482913\n\nIt is good for three minutes.")
        self.write(mail_dir, "1.log", first, second)
        page = browser.get("/mail/").text
        assert page.index("Your code") < page.index("Welcome")
        assert "<code>482913</code>" in page
        assert '<a href="https://service.example/account/">https://service.example/account/</a>.' in page

    def test_never_runs_what_a_mail_brings(self, browser: Client, mail_dir: Path) -> None:
        self.write(
            mail_dir, "1.log", self.letter("Hi", "<script>alert(1)</script>", "<script>alert(2)</script>")
        )
        assert "<script>alert" not in browser.get("/mail/").text
        part = browser.get("/mail/1-0/html/")
        assert "sandbox" in part.headers["Content-Security-Policy"]
        assert "default-src 'none'" in part.headers["Content-Security-Policy"]

    def test_has_no_page_for_a_mail_that_never_came(self, browser: Client) -> None:
        assert browser.get("/mail/1-0/html/").status_code == HTTPStatus.NOT_FOUND


class TestStating:
    def state(self, api: str) -> int:
        return newsroom.state(api=api, api_key="key", site=SITE, now=NOW, patience=5.0)

    def test_puts_every_article_with_the_site_key(self, api: str, paywall: FakePaywall) -> None:
        assert self.state(api) == len(articles.edition())
        assert paywall.stated == articles.statements(NOW, site=SITE)
        assert {headers["Authorization"] for _, _, headers in paywall.asked} == {"Api-Key key"}

    def test_stops_at_once_when_the_key_is_refused(self, api: str, paywall: FakePaywall) -> None:
        paywall.answer_to_statements = HTTPStatus.FORBIDDEN
        with pytest.raises(newsroom.RefusedError):
            self.state(api)
        assert len(paywall.asked) == 1

    def test_gives_up_in_time_when_nobody_is_there(self) -> None:
        with pytest.raises(TimeoutError):
            newsroom.state(api="http://127.0.0.1:9", api_key="key", site=SITE, now=NOW, patience=0.2)


def structured_data(page: str) -> dict[str, Any]:
    block = page.split('<script type="application/ld+json">', 1)[1].split("</script>", 1)[0]
    data: dict[str, Any] = json.loads(block)
    return data
