"""The newspaper's only way to the paywall: its public API, asked on behalf of one browser at a time."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Self

import requests
from werkzeug.http import parse_cookie

# A page waits for the paywall; better a teaser soon than an article late.
_CONNECT_SECONDS, _READ_SECONDS = 1.0, 5.0

# What of the browser's request the paywall must see to know the reader and speak their language.
_CARRIED = ("Accept-Language", "User-Agent")

_CSRF_COOKIE = "csrftoken"


class UnavailableError(Exception):
    """The paywall could not be asked, or its answer was no answer. Show what anybody may see."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remedy:
    """One way to the article."""

    kind: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What the paywall asks us to tell this reader."""

    title: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Free reads: how many there are, and how many are left."""

    limit: int
    remaining: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The paywall's answer about one article and one reader."""

    article: str
    access: str
    reason: str
    products: tuple[str, ...]
    remedies: tuple[Remedy, ...]
    notice: Notice | None
    meter: Meter | None

    @classmethod
    def parse(cls, answer: Mapping[str, Any]) -> Self:
        """Read a decision as the API writes it."""
        notice, meter = answer.get("notice"), answer.get("meter")
        return cls(
            article=answer["article"],
            access=answer["access"],
            reason=answer["reason"],
            products=tuple(answer.get("products") or ()),
            remedies=tuple(
                Remedy(kind=remedy["kind"], url=remedy.get("url") or "")
                for remedy in answer.get("remedies") or ()
            ),
            notice=Notice(title=notice["title"], text=notice["text"]) if notice else None,
            meter=Meter(limit=meter["limit"], remaining=meter["remaining"]) if meter else None,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An opened article: the decision, and the body if and only if access is full."""

    decision: Decision
    body: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """One price of a plan: the amount as written, charged every `count` intervals."""

    amount: str
    interval: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is on sale."""

    name: str
    description: str
    prices: tuple[Price, ...]


@dataclass(slots=True)
class Conversation:
    """One browser's request, carried on to the paywall.

    The browser's cookies go along with every question; cookies that the paywall sets are kept in
    `set_cookies`, to be handed back to the browser. A conversation is never shared between requests.
    """

    base: str
    cookies: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)
    _gone: bool = False

    def read(self, article_id: str) -> Reading:
        """Open the article, which may spend a free read.

        :raises UnavailableError: if there is no usable answer.
        """
        answer = self._ask("POST", f"/api/v1/articles/{article_id}/read")
        decision = _parsed(answer)
        return Reading(decision=decision, body=answer.get("body") if decision.access == "full" else None)

    def peek(self, article_id: str, *, gift: str = "") -> Decision:
        """Ask what opening the article would answer, with the code of a gift or without; spends nothing.

        :raises UnavailableError: if there is no usable answer.
        """
        given = {"params": {"gift": gift}} if gift else {}
        return _parsed(self._ask("GET", f"/api/v1/articles/{article_id}/access", **given))

    def decisions(self, article_ids: Sequence[str]) -> dict[str, Decision]:
        """Ask about many articles at once; spends nothing.

        :raises UnavailableError: if there is no usable answer.
        """
        answer = self._ask("POST", "/api/v1/access", json={"articles": list(article_ids)})
        return {decision.article: decision for decision in map(_parsed, answer.get("decisions", ()))}

    def markup(self, article_id: str, *, selector: str) -> str:
        """Return what search engines are told of an article, ready to stand in a script element; empty for nothing.

        :raises UnavailableError: if there is no usable answer.
        """
        path = f"/api/v1/articles/{article_id}/markup"
        return self._fetch("GET", path, accept="application/ld+json", params={"selector": selector}).text

    def reader_email(self) -> str | None:
        """Return who is signed in, or None.

        :raises UnavailableError: if there is no usable answer.
        """
        reader = self._ask("GET", "/api/v1/session").get("reader")
        return str(reader["email"]) if reader else None

    def plans(self, products: Sequence[str]) -> tuple[Plan, ...]:
        """Return the plans that unlock any of `products`, each once.

        :raises UnavailableError: if there is no usable answer.
        """
        found: dict[str, Plan] = {}
        for product in products:
            for plan in self._ask("GET", "/api/v1/plans", params={"product": product}).get("plans", ()):
                found.setdefault(plan["name"], _plan(plan))
        return tuple(found.values())

    def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            answer = self._fetch(method, path, accept="application/json", **options).json()
        except requests.JSONDecodeError as error:
            raise UnavailableError(f"{method} {path}: {error}") from error
        if not isinstance(answer, dict):
            raise UnavailableError(f"{method} {path} answered something else than an object")
        return answer

    def _fetch(self, method: str, path: str, *, accept: str, **options: Any) -> requests.Response:
        if self._gone:
            # One page asks several questions; only the first of them waits for a paywall that is not there.
            raise UnavailableError(f"{method} {path} was not asked")
        headers = {name: value for name, value in self.headers.items() if name in _CARRIED}
        headers |= {"Accept": accept} | self._cookie_headers(unsafe=method == "POST")
        try:
            # A session of its own for every question: a cookie of one reader must never reach another.
            with requests.Session() as session:
                session.trust_env = False
                response = session.request(
                    method,
                    self.base + path,
                    headers=headers,
                    timeout=(_CONNECT_SECONDS, _READ_SECONDS),
                    allow_redirects=False,
                    **options,
                )
        except requests.RequestException as error:
            self._gone = True
            raise UnavailableError(f"{method} {path}: {error}") from error
        self._keep(response.raw.headers.getlist("Set-Cookie"))
        if response.status_code not in {HTTPStatus.OK, HTTPStatus.NO_CONTENT}:
            raise UnavailableError(f"{method} {path} answered {response.status_code}")
        return response

    def _keep(self, set_cookies: Sequence[str]) -> None:
        # Later questions of this conversation carry them too, or a new browser would be two devices at once.
        # Where a name comes twice, the last one counts.
        self.set_cookies.extend(set_cookies)
        pairs = [self.cookies, *(cookie.split(";", 1)[0] for cookie in set_cookies)]
        self.cookies = "; ".join(pair for pair in pairs if pair)

    def _cookie_headers(self, *, unsafe: bool) -> dict[str, str]:
        if not unsafe:
            return {"Cookie": self.cookies} if self.cookies else {}
        tokens = parse_cookie(self.cookies).getlist(_CSRF_COOKIE)
        if tokens:
            return {"Cookie": self.cookies, "X-CSRFToken": tokens[-1]}
        # The pair proves that whoever sends the cookie can also read it, which we, making it up, surely can.
        token = secrets.token_hex(16)
        pair = f"{_CSRF_COOKIE}={token}"
        return {"Cookie": f"{self.cookies}; {pair}" if self.cookies else pair, "X-CSRFToken": token}


def _parsed(answer: Mapping[str, Any]) -> Decision:
    try:
        return Decision.parse(answer)
    except (KeyError, TypeError) as error:
        raise UnavailableError(f"a decision without {error}") from error


def _plan(answer: Mapping[str, Any]) -> Plan:
    return Plan(
        name=answer["name"],
        description=answer.get("description") or "",
        prices=tuple(
            Price(
                amount=price["formatted"], interval=price["interval"], count=price.get("interval_count") or 1
            )
            for price in answer.get("prices", ())
        ),
    )
