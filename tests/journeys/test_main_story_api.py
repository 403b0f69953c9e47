"""The main story over HTTP, as an app would live it: sign up, pay, read, card fails, is fixed, cancel, resume.

It runs against the demo's own processes; the sandbox's clock makes the months pass.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import requests

from paywall.demo import articles
from tests.journeys.conftest import Demo, wait_for

ARTICLE = next(article for article in articles.edition() if article.products == ("premium",))
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
        answer = self._auth("auth/signup", {"email": self.email})
        assert answer.status_code == 401, answer.text
        pending = [flow["id"] for flow in answer.json()["data"]["flows"] if flow.get("is_pending")]
        assert pending == ["verify_email"]
        self._keep_token(answer)
        answer = self._auth("auth/email/verify", {"key": self.demo.newest_code(to=self.email)})
        assert answer.status_code == 200, answer.text
        self._keep_token(answer)

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

    def read(self) -> Any:
        """Open the article of this story."""
        return self.post(f"articles/{ARTICLE.id}/read")

    def wait_to_read(self, *, reason: str, with_notice: bool = False) -> Any:
        """Return the article's answer once it has this reason (and something to tell, where that is asked)."""

        def look() -> Any:
            answer = self.read()
            fits = answer["reason"] == reason and (answer["notice"] is not None or not with_notice)
            return answer if fits else None

        return wait_for(look, what=f"the answer {reason}")

    def wait_for_subscription(self, **expected: Any) -> Any:
        """Return the subscription once it shows these values."""

        def look() -> Any:
            shown = self.get("subscription")["subscription"]
            return shown if all(shown.get(name) == value for name, value in expected.items()) else None

        return wait_for(look, what=f"a subscription with {expected}")

    def finish_form(self, url: str, *, card: str) -> None:
        """Type a card into the hosted form, then open the page that it leads back to."""
        session = url.partition("#")[0].partition("?")[0].rstrip("/").rpartition("/")[2]
        completed = requests.post(
            f"{self.demo.sandbox}/_control/checkout/{session}/complete", json={"card": card}, timeout=20
        )
        assert completed.status_code == 200, completed.text

    @property
    def customer(self) -> str:
        """The reader's customer at the sandbox."""
        found = self.demo.stripe("customers", email=self.email)["data"]
        assert len(found) == 1
        return str(found[0]["id"])

    def _auth(self, path: str, body: dict[str, Any]) -> requests.Response:
        return self.http.post(f"{self.demo.service}/_allauth/app/v1/{path}", json=body, timeout=20)

    def _keep_token(self, answer: requests.Response) -> None:
        token = answer.json()["meta"].get("session_token")
        if token:
            self.http.headers["X-Session-Token"] = token


@pytest.fixture
def reader(demo: Demo) -> App:
    """A new reader with a phone."""
    return App(demo, email="ada@app.example")


def test_the_story(demo: Demo, reader: App) -> None:
    _a_stranger_sees_the_teaser(demo)
    reader.sign_up()
    _a_known_reader_is_told_what_opens_it(reader)
    _a_payer_reads(reader)
    _a_second_subscription_is_not_sold(reader)
    _a_renewal_moves_the_date(demo, reader)
    _a_failed_card_is_told_and_forgiven_for_a_week(demo, reader)
    _after_the_grace_the_wall_says_that_the_card_failed(demo, reader)
    _a_new_card_pays_the_open_invoice(reader)
    _a_cancelled_reader_reads_to_the_minute(demo, reader)


def _a_stranger_sees_the_teaser(demo: Demo) -> None:
    answer = requests.post(f"{demo.service}/api/v1/articles/{ARTICLE.id}/read", timeout=20)
    assert answer.status_code == 200
    assert ARTICLE.marker not in answer.text
    assert (answer.json()["access"], answer.json()["reason"]) == ("teaser", "subscription_required")
    assert answer.json()["remedies"][0]["kind"] == "log_in"


def _a_known_reader_is_told_what_opens_it(reader: App) -> None:
    refused = reader.read()
    assert (refused["access"], refused["reason"]) == ("teaser", "subscription_required")
    assert refused["remedies"][0]["kind"] == "subscribe"
    plans = reader.get(f"plans?product={refused['products'][0]}")["plans"]
    prices = {price["price"]: price for plan in plans for price in plan["prices"]}
    assert (prices["premium_monthly"]["amount"], prices["premium_monthly"]["currency"]) == (990, "eur")


def _a_payer_reads(reader: App) -> None:
    url = reader.post("checkout", _checkout(reader, "premium_monthly"), status=201)["url"]
    reader.finish_form(url, card=WORKING)
    opened = reader.wait_to_read(reason="entitled")
    assert opened["access"] == "full"
    assert ARTICLE.marker in opened["body"]


def _a_second_subscription_is_not_sold(reader: App) -> None:
    problem = reader.post("checkout", _checkout(reader, "premium_yearly"), status=409)
    assert problem["code"] == "already_subscribed"


def _a_renewal_moves_the_date(demo: Demo, reader: App) -> None:
    before = reader.get("subscription")["subscription"]["next_charge"]["at"]
    demo.advance(months=1)
    after = wait_for(
        lambda: next(
            (
                shown["next_charge"]["at"]
                for shown in [reader.get("subscription")["subscription"]]
                if shown["next_charge"] and shown["next_charge"]["at"] > before
            ),
            None,
        ),
        what="the next date to move",
    )
    assert after > before
    assert reader.read()["reason"] == "entitled"
    assert [invoice["status"] for invoice in reader.get("invoices")["invoices"]] == ["paid", "paid"]


def _a_failed_card_is_told_and_forgiven_for_a_week(demo: Demo, reader: App) -> None:
    demo.swap_card(customer=reader.customer, number=FAILING)
    demo.advance(months=1)
    # Until the news of the failure is here, the renewal slack lets the reader on without a word.
    grace = reader.wait_to_read(reason="grace_period", with_notice=True)
    assert grace["access"] == "full"
    assert ARTICLE.marker in grace["body"]
    assert "0341" in grace["notice"]["text"]
    assert grace["until"]
    mail = demo.wait_for_mail(to=reader.email, containing="0341")
    assert "/account/fix/" in mail


def _after_the_grace_the_wall_says_that_the_card_failed(demo: Demo, reader: App) -> None:
    demo.advance(seconds=8 * 86400)
    refused = reader.wait_to_read(reason="payment_failed")
    assert refused["access"] == "teaser"
    assert "body" not in refused or not refused["body"]
    assert "0341" in refused["notice"]["text"]
    kinds = [remedy["kind"] for remedy in refused["remedies"]]
    assert kinds[0] == "fix_card"
    assert "subscribe" not in kinds
    problem = reader.post("checkout", _checkout(reader, "premium_monthly"), status=409)
    assert problem["code"] == "payment_waiting"
    assert problem["remedies"][0]["kind"] == "fix_card"


def _a_new_card_pays_the_open_invoice(reader: App) -> None:
    url = reader.post("card", {"return_url": f"{reader.demo.newspaper}/"}, status=201)["url"]
    reader.finish_form(url, card=WORKING)
    opened = reader.wait_to_read(reason="entitled")
    assert ARTICLE.marker in opened["body"]
    assert {invoice["status"] for invoice in reader.get("invoices")["invoices"]} == {"paid"}
    assert reader.get("subscription")["subscription"]["card"]["last4"] == "4242"
    invoices = reader.demo.stripe("invoices", customer=reader.customer)["data"]
    assert all(invoice["amount_remaining"] == 0 for invoice in invoices)


def _a_cancelled_reader_reads_to_the_minute(demo: Demo, reader: App) -> None:
    reader.post("subscription/cancel")
    reader.wait_for_subscription(cancel_scheduled=True)
    reader.post("subscription/resume")
    reader.wait_for_subscription(cancel_scheduled=False)
    reader.post("subscription/cancel")
    ends_at = reader.wait_for_subscription(cancel_scheduled=True)["access_ends_at"]
    epoch = _epoch(ends_at)
    demo.advance(to=epoch - 60)
    still = reader.read()
    assert (still["reason"], still["until"]) == ("entitled", ends_at)
    demo.advance(to=epoch + 1)
    ended = reader.read()
    assert (ended["access"], ended["reason"]) == ("teaser", "subscription_ended")
    assert ended["remedies"][0]["kind"] == "subscribe"


def _checkout(reader: App, price: str) -> dict[str, str]:
    return {"price": price, "return_url": f"{reader.demo.newspaper}/articles/{ARTICLE.id}/"}


def _epoch(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp())
