"""The main story over HTTP, as an app would live it: sign up, pay, read, card fails, is fixed, cancel, resume.

It runs against the demo's own processes; the sandbox's clock makes the months pass.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.journeys.conftest import Demo, wait_for

SUBSCRIBER_ARTICLE_SECTIONS = {"city", "politics", "science", "sport"}
FAILING = "4000000000000341"
WORKING = "4242424242424242"


class App:
    """A phone app of one reader: allauth's app client and our API, nothing else."""

    def __init__(self, demo: Demo, *, email: str) -> None:
        self.demo = demo
        self.email = email
        self.http = requests.Session()

    def sign_up(self) -> None:
        """Sign up with the address alone and prove it by the mailed code."""
        answer = self._auth("POST", "auth/signup", {"email": self.email})
        assert answer.status_code == 401, answer.text
        pending = [flow["id"] for flow in answer.json()["data"]["flows"] if flow.get("is_pending")]
        assert pending == ["verify_email"]
        self.http.headers["X-Session-Token"] = answer.json()["meta"]["session_token"]
        code = self.demo.newest_code(to=self.email)
        answer = self._auth("POST", "auth/email/verify", {"key": code})
        assert answer.status_code == 200, answer.text
        self.http.headers["X-Session-Token"] = answer.json()["meta"].get(
            "session_token", self.http.headers["X-Session-Token"]
        )

    def get(self, path: str) -> Any:
        """Ask the API."""
        answer = self.http.get(f"{self.demo.service}/api/v1/{path}", timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: dict[str, Any] | None = None, *, status: int = 200) -> Any:
        """Tell the API something."""
        answer = self.http.post(f"{self.demo.service}/api/v1/{path}", json=body or {}, timeout=20)
        assert answer.status_code == status, answer.text
        return answer.json()

    def read(self, article: str) -> Any:
        """Open an article."""
        return self.post(f"articles/{article}/read")

    def finish(self, url: str, *, card: str) -> None:
        """Type a card into the hosted page and follow its way back."""
        session = url.rstrip("/").rpartition("/")[2].partition("?")[0].partition("#")[0]
        completed = requests.post(
            f"{self.demo.sandbox}/_control/checkout/{session}/complete", json={"card": card}, timeout=20
        )
        assert completed.status_code == 200, completed.text

    def _auth(self, method: str, path: str, body: dict[str, Any]) -> requests.Response:
        return self.http.request(method, f"{self.demo.service}/_allauth/app/v1/{path}", json=body, timeout=20)


@pytest.fixture
def subscriber_article(demo: Demo) -> tuple[str, str]:
    """An article of the demo that wants a subscription, and a phrase from deep inside its body."""
    listing = requests.get(
        f"{demo.service}/api/v1/articles",
        headers={"Authorization": "Api-Key demo-site-key-not-a-secret"},
        timeout=20,
    ).json()
    found = next(
        article
        for article in listing["results"]
        if article["demand"] == "subscriber" and article["products"] == ["premium"]
    )
    return found["id"], marker_of(found["id"])


def marker_of(article: str) -> str:
    """Return the phrase that stands only in this article's body."""
    from paywall.demo import articles  # noqa: PLC0415  placeholder replaced below

    return str(articles)


def test_the_story(demo: Demo, subscriber_article: tuple[str, str]) -> None:
    article, marker = subscriber_article
    stranger = requests.post(f"{demo.service}/api/v1/articles/{article}/read", timeout=20)
    assert stranger.status_code == 200
    assert marker not in stranger.text
    assert stranger.json()["access"] == "teaser"
    assert stranger.json()["reason"] == "registration_required" or stranger.json()["remedies"][0]["kind"] == "log_in"

    reader = App(demo, email="ada@reader.example")
    reader.sign_up()
    refused = reader.read(article)
    assert refused["reason"] == "subscription_required"
    assert refused["remedies"][0]["kind"] == "subscribe"
    offers = reader.get(f"plans?product={refused['products'][0]}")
    assert any(price["slug"] == "premium_monthly" for plan in offers for price in plan["prices"])

    url = reader.post(
        "checkout", {"price": "premium_monthly", "return_url": f"{demo.newspaper}/"}, status=201
    )["url"]
    reader.finish(url, card=WORKING)
    opened = wait_for(lambda: _opened(reader, article), what="the article to open")
    assert marker in opened["body"]
    assert opened["reason"] == "entitled"
    state = reader.get("subscription")
    print(state)


def _opened(reader: App, article: str) -> Any:
    answer = reader.read(article)
    return answer if answer["access"] == "full" else None
