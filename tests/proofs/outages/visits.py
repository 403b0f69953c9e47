"""What readers, strangers, staff and Stripe ask of the service, and what a right answer to each is."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

import requests

from tests.factories.paywall import MARKER
from tests.proofs.outages.sender import Sender, news_of
from tests.proofs.outages.traffic import Call, ask
from tests.proofs.processes.installation import ARTICLE, PASSWORD, Installation

READY = "ready"

Judge = Callable[[requests.Response], str]

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Web:
    """A web process, as a proxy reaches it that ends TLS where `secure`."""

    address: str
    secure: bool = False

    def call(self, session: requests.Session, method: str, path: str, **options: Any) -> requests.Response:
        """Ask this process something, from another network each time: this is about faults, not about limits."""
        number = next(_numbers)
        headers = {
            "X-Forwarded-For": f"10.{number // 62500 % 250}.{number // 250 % 250}.{number % 250 + 1}",
            "X-Forwarded-Proto": "https" if self.secure else "http",
            **options.pop("headers", {}),
        }
        return ask(session, method, self.address + path, headers=headers, **options)

    def cookie(self, name: str, value: str) -> str:
        """Return a cookie as this process calls it."""
        return f"{'__Host-' if self.secure else ''}{name}={value}"


@dataclass(frozen=True, slots=True)
class Visits:
    """Calls to one web process on behalf of the people of an installation."""

    web: Web
    installation: Installation

    def payer_opens(self, *, every: float) -> Call:
        """Open the article, paid for: the body, each time."""
        return self._api(
            "payer opens", "POST", f"articles/{ARTICLE}/read", _full, who="payer token", every=every
        )

    def payer_in_browser_looks(self, *, every: float) -> Call:
        """Ask for a decision by the session cookie."""
        return self._api(
            "payer looks", "GET", f"articles/{ARTICLE}/access", _full_access, who="payer cookie", every=every
        )

    def payer_sees_front_page(self, *, every: float) -> Call:
        """Ask for many decisions at once."""
        body = {"articles": [ARTICLE]}
        return self._api(
            "payer's locks", "POST", "access", _all_full, who="payer token", every=every, json=body
        )

    def payer_passes_proxy(self, *, every: float) -> Call:
        """Let a reverse proxy ask."""
        right = partial(_status, HTTPStatus.NO_CONTENT)
        return self._api(
            "payer's proxy", "GET", "access/check", right, who="payer cookie", every=every, **_HERE
        )

    def payer_is_known(self, *, every: float) -> Call:
        """Ask who is signed in."""
        return self._api("payer's session", "GET", "session", _known, who="payer cookie", every=every)

    def guest_opens(self, *, every: float) -> Call:
        """Open the article, signed in without paying."""
        return self._api(
            "guest opens", "POST", f"articles/{ARTICLE}/read", _teaser, who="guest token", every=every
        )

    def stranger_opens(self, *, every: float) -> Call:
        """Open the article as nobody in particular."""
        return self._api("stranger opens", "POST", f"articles/{ARTICLE}/read", _teaser, every=every)

    def stranger_is_stopped_by_proxy(self, *, every: float) -> Call:
        """Let a reverse proxy ask about nobody in particular."""
        right = partial(_status, HTTPStatus.UNAUTHORIZED)
        return self._api("stranger's proxy", "GET", "access/check", right, every=every, **_HERE)

    def forger_opens(self, *, every: float) -> Call:
        """Open the article with a made-up token."""
        path = f"/api/v1/articles/{ARTICLE}/read"
        headers = {"X-Session-Token": "a" * 32}
        right = partial(_status, HTTPStatus.UNAUTHORIZED)
        return Call("forger opens", partial(self._ask, "POST", path, headers=headers), right, every)

    def reader_checks_out(self, *, every: float) -> Call:
        """Begin to buy, again and again."""
        body = {"price": "premium_monthly", "return_url": f"http://localhost:8001/{ARTICLE}"}
        right = partial(_status, HTTPStatus.CREATED)
        return self._api("checkout", "POST", "checkout", right, who="guest token", every=every, json=body)

    def reader_signs_in(self, *, every: float, password: str = PASSWORD) -> Call:
        """Sign in by password, as an app; by a wrong one on another account, whose limit is not this one's."""
        account = "guest" if password == PASSWORD else "payer"
        body = {"email": f"{account}@readers.example", "password": password}
        right = partial(_status, HTTPStatus.OK if password == PASSWORD else HTTPStatus.BAD_REQUEST)
        name = "login" if password == PASSWORD else "wrong password"
        return Call(name, partial(self._ask, "POST", "/_allauth/app/v1/auth/login", json=body), right, every)

    def reader_asks_for_code(self, *, every: float) -> Call:
        """Ask for a code by mail, another reader each time."""
        right = partial(_status, HTTPStatus.UNAUTHORIZED)  # as allauth says "now type the code"
        return Call("code by mail", self._ask_for_code, right, every)

    def reader_sees_page(self, path: str, *, who: str = "", every: float) -> Call:
        """Look at a page for people, of a certain reader or of nobody."""
        ask_for = partial(self._ask, "GET", path, headers=self._credential(who))
        return Call(f"page {path}", ask_for, _page, every)

    def process_lives(self, *, every: float) -> Call:
        """Ask whether the process answers at all."""
        return Call("live", partial(self._ask, "GET", "/health/live"), partial(_status, HTTPStatus.OK), every)

    def process_is_ready(self, *, every: float) -> Call:
        """Ask whether it can do its work; that it cannot is a right answer too."""
        return Call(READY, partial(self._ask, "GET", "/health/ready"), _says_how_it_is, every)

    def reader_posts_login_form(self, *, every: float) -> Call:
        """Sign in by the form for people."""
        return Call("login form", self._post_login_form, partial(_status, HTTPStatus.FOUND), every)

    def stripe_tells(self, sender: Sender, *, every: float) -> Call:
        """Deliver an event about one customer after another; the sender notes which were acknowledged."""
        return Call("webhook", partial(self._tell, sender), partial(_status, HTTPStatus.OK), every)

    def _api(
        self, name: str, method: str, path: str, judge: Judge, *, every: float, who: str = "", **options: Any
    ) -> Call:
        headers = {**self._credential(who), **options.pop("headers", {})}
        if method == "POST" and "cookie" in who:
            raise ValueError("A browser's POST needs a CSRF token.")
        return Call(
            name, partial(self._ask, method, f"/api/v1/{path}", headers=headers, **options), judge, every
        )

    def _credential(self, who: str) -> dict[str, str]:
        if not who:
            return {}
        value = self.installation.people[who]
        return (
            {"Cookie": self.web.cookie("session", value)} if "cookie" in who else {"X-Session-Token": value}
        )

    def _ask(self, method: str, path: str, session: requests.Session, **options: Any) -> requests.Response:
        return self.web.call(session, method, path, **options)

    def _ask_for_code(self, session: requests.Session) -> requests.Response:
        number = next(_numbers) % len(self.installation.customers)
        body = {"email": f"customer{number}@readers.example"}
        return self.web.call(session, "POST", "/_allauth/app/v1/auth/code/request", json=body)

    def _post_login_form(self, session: requests.Session) -> requests.Response:
        page = self.web.call(session, "GET", "/account/login/")
        if page.status_code != HTTPStatus.OK:
            return page
        token = next(value for name, value in page.cookies.items() if name.endswith("csrftoken"))
        address = self.web.address.replace("http:", "https:") if self.web.secure else self.web.address
        headers = {"Cookie": self.web.cookie("csrftoken", token), "Referer": f"{address}/account/login/"}
        form = {"login": "guest@readers.example", "password": PASSWORD, "csrfmiddlewaretoken": token}
        return self.web.call(session, "POST", "/account/login/", data=form, headers=headers)

    def _tell(self, sender: Sender, session: requests.Session) -> requests.Response:
        customers = self.installation.customers
        event = news_of(customers[next(_numbers) % len(customers)])
        proto = "https" if self.web.secure else "http"
        answer = sender.post(event, by=session, headers={"X-Forwarded-Proto": proto})
        if answer.ok:
            sender.acknowledged.append(event["id"])
        return answer


_HERE: dict[str, Any] = {"headers": {"X-Original-URI": f"/{ARTICLE}"}}


def _status(expected: HTTPStatus, answer: requests.Response) -> str:
    if MARKER in answer.text:
        return "the body, to whom it does not belong"
    return "" if answer.status_code == expected else _told(answer)


def _told(answer: requests.Response) -> str:
    """Return the status of what should not have come, and how it begins where it is no page."""
    is_page = answer.headers.get("Content-Type", "").startswith("text/html")
    return str(answer.status_code) if is_page else f"{answer.status_code} {answer.text[:160]}"


def _full(answer: requests.Response) -> str:
    if answer.status_code != HTTPStatus.OK:
        return str(answer.status_code)
    return "" if MARKER in answer.text else f"told {answer.json().get('reason')}"


def _full_access(answer: requests.Response) -> str:
    if answer.status_code != HTTPStatus.OK:
        return str(answer.status_code)
    return "" if answer.json()["access"] == "full" else f"told {answer.json()['reason']}"


def _all_full(answer: requests.Response) -> str:
    if answer.status_code != HTTPStatus.OK:
        return str(answer.status_code)
    told = [decision["access"] for decision in answer.json()["decisions"]]
    return "" if told == ["full"] else f"told {told}"


def _teaser(answer: requests.Response) -> str:
    if MARKER in answer.text:
        return "the body, to whom it does not belong"
    if answer.status_code != HTTPStatus.OK:
        return str(answer.status_code)
    return "" if answer.json()["access"] == "teaser" else f"told {answer.json()['reason']}"


def _known(answer: requests.Response) -> str:
    if answer.status_code != HTTPStatus.OK:
        return str(answer.status_code)
    return "" if answer.json()["reader"] else "signed out"


def _says_how_it_is(answer: requests.Response) -> str:
    if answer.status_code not in {HTTPStatus.OK, HTTPStatus.SERVICE_UNAVAILABLE}:
        return str(answer.status_code)
    is_well = answer.json()["status"] == "ok"
    return "" if is_well == (answer.status_code == HTTPStatus.OK) else "says one thing and means another"


def _page(answer: requests.Response) -> str:
    if answer.status_code != HTTPStatus.OK:
        return str(answer.status_code)
    return "" if "</html>" in answer.text else "no page"
