"""S2: caches in front of the service hand nobody another's answer, whoever asks first and however they are known.

The same caches in front of a service that says nothing about caching must mix people up, or they prove nothing.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL
from tests.proofs.processes import services
from tests.proofs.processes.caches import nginx, nginx_before, varnish, varnish_before
from tests.proofs.processes.stack import SITE, Stack, running

_PASSWORD = "a-long-password-for-proofs"
_READERS = """
from django.utils import timezone
from allauth.account.models import EmailAddress
from accounts.models import User
from paywall import entitlements
from paywall.decision.facts import Grant
now = timezone.now()
for email in ("payer@readers.example", "other@readers.example"):
    who = User.objects.create_user(email, {password!r})
    EmailAddress.objects.create(user=who, email=email, verified=True, primary=True)
    if email.startswith("payer"):
        entitlements.replace(who, source="proof", now=now, grants=(
            Grant(product="premium", source="proof", starts_at=now, ends_at=None),
        ))
"""
_ARTICLE = {
    "url": "https://news.example/harbour-vote",
    "title": "Harbour vote",
    "section": "politics",
    "published_at": "2020-01-01T00:00:00Z",
    "demand": "subscriber",
    "products": ["premium"],
    "teaser": "<p>The first lines.</p>",
    "body": "<p>All of it.</p>",
}
# What the answer depends on, so that another's is recognised; what is 404 must not stay so for anybody either.
_PATHS = (
    "/api/v1/articles/harbour-vote",
    "/api/v1/articles/harbour-vote/access",
    "/api/v1/access/check",
    "/api/v1/session",
    "/api/v1/subscription",
    "/api/v1/articles/later/access",
    "/account/",
)
_CONDITIONS: dict[str, dict[str, str]] = {
    "plain": {},
    "any tag": {"If-None-Match": '*, "x", W/"x"'},
    "tomorrow": {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
}


@dataclass(frozen=True, slots=True, eq=False)
class Caller:
    """Somebody, known by one kind of credential."""

    name: str
    headers: dict[str, str]

    def ask(self, address: str, path: str, condition: dict[str, str] | None = None) -> requests.Response:
        """Ask once, with nothing remembered."""
        headers = {"X-Original-URI": "/harbour-vote", **(condition or {}), **self.headers}
        return requests.get(address + path, headers=headers, allow_redirects=False, timeout=20)


_STRANGER = Caller("stranger", {})


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    services.require(nginx(), "nginx (apt install nginx-light)")
    services.require(varnish(), "Varnish (apt install varnish)")
    with running(Stack(tmp_path, f"sqlite:///{tmp_path / 'proof.sqlite3'}"), "web") as opened:
        opened.manage("shell", "--command", _READERS.format(password=_PASSWORD))
        stated = requests.put(
            f"{opened.service}/api/v1/articles/harbour-vote", json=_ARTICLE, headers=SITE, timeout=20
        )
        assert stated.status_code == 201, stated.text
        yield opened


def test_s2_no_cache_hands_out_another_s_answer(stack: Stack, tmp_path: Path, figure: Figure) -> None:
    payers = _callers(stack, "payer@readers.example")
    others = (_STRANGER, *(_callers(stack, "other@readers.example") if IS_FULL else ()))
    conditions = _CONDITIONS if IS_FULL else {"plain": {}}
    own = {
        (each, path): _gist(each.ask(stack.service, path)) for each in (*payers, *others) for path in _PATHS
    }
    with _caches(stack.service_port, tmp_path) as caches:
        wrong, asked = [], 0
        for cache, address in caches.items():
            for payer in payers:
                for other in others:
                    for first, second in ((payer, other), (other, payer)):
                        for condition, headers in conditions.items():
                            name = f"{cache}, {first.name} then {second.name}, {condition}"
                            found = _mixed_up(own, address, first, second, headers)
                            wrong += [f"{name}: {one}" for one in found]
                            asked += 2 * len(_PATHS)
        late = [cache for cache, address in caches.items() if not _appears(stack, address, f"late-{cache}")]
    with _caches_before_a_careless_service(tmp_path / "careless") as caches:
        control = {cache: _mixes_up_careless(address) for cache, address in caches.items()}
    figure(
        "S2",
        f"{asked} answers through {len(caches)} caches, {len(payers)} credentials, both orders, with and without "
        f"conditions: {len(wrong)} wrong, {len(late)} missing articles stayed missing; the same caches mixed up "
        f"{sum(control.values())} of {len(control) * 4} pairs of a careless service",
        target="0 wrong; the careless service is mixed up by both",
    )
    assert not wrong, "\n".join(wrong[:20])
    assert not late
    assert all(control.values()), control


def _callers(stack: Stack, email: str) -> tuple[Caller, ...]:
    """Sign in as an app and as a browser; return the reader by each kind of credential."""
    body = {"email": email, "password": _PASSWORD}
    app = requests.post(f"{stack.service}/_allauth/app/v1/auth/login", json=body, timeout=20)
    assert app.status_code == 200, app.text
    token = app.json()["meta"]["session_token"]
    browser = requests.Session()
    browser.get(f"{stack.service}/account/login/", timeout=20)
    csrf = {"X-CSRFToken": browser.cookies["csrftoken"]}
    signed_in = browser.post(
        f"{stack.service}/_allauth/browser/v1/auth/login", json=body, headers=csrf, timeout=20
    )
    assert signed_in.status_code == 200, signed_in.text
    name = email.partition("@")[0]
    return (
        Caller(f"{name} by token", {"X-Session-Token": token}),
        Caller(f"{name} by bearer", {"Authorization": f"Bearer {token}"}),
        Caller(f"{name} by cookie", {"Cookie": f"session={browser.cookies['session']}"}),
    )


@contextmanager
def _caches(upstream: int, folder: Path) -> Iterator[dict[str, str]]:
    folder.mkdir(exist_ok=True)
    with ExitStack() as opened:
        yield {
            "nginx": opened.enter_context(nginx_before(upstream, folder=folder / "nginx")),
            "varnish": opened.enter_context(varnish_before(upstream, folder=folder / "varnish")),
        }


def _mixed_up(
    own: dict[tuple[Caller, str], Any], address: str, first: Caller, second: Caller, condition: dict[str, str]
) -> list[str]:
    """Let one ask and then the other, and say where an answer is not what the service itself tells that caller."""
    wrong = []
    for path in _PATHS:
        for caller in (first, second):
            got = caller.ask(address, path, condition)
            if _gist(got) != own[caller, path]:
                wrong.append(f"{caller.name} {path}: {_gist(got)}, not {own[caller, path]}")
            if "no-store" not in got.headers.get("Cache-Control", "") or "ETag" in got.headers:
                wrong.append(f"{caller.name} {path}: {got.headers}")
            if got.headers["X-Cache"] == "HIT":
                wrong.append(f"{caller.name} {path}: out of the cache")
    return wrong


def _gist(answer: requests.Response) -> tuple[Any, ...]:
    """What distinguishes one person's answer from another's."""
    told: Any = answer.headers.get("Location", "")
    if "json" in answer.headers.get("Content-Type", ""):
        told = answer.json()
        for each_time_another in ("device", "csrf_token"):
            told.pop(each_time_another, None)
        for decision in (told, told.get("access") if isinstance(told.get("access"), dict) else {}):
            decision.pop("id", None) if "reason" in decision else None
    return (answer.status_code, answer.headers.get("X-Paywall-Reason"), json.dumps(told, sort_keys=True))


def _appears(stack: Stack, address: str, article: str) -> bool:
    """Ask for an article that nobody stated, state it, and ask again."""
    path = f"/api/v1/articles/{article}/access"
    missing = _STRANGER.ask(address, path).status_code
    stated = {**_ARTICLE, "url": f"https://news.example/{article}"}
    requests.put(
        f"{stack.service}/api/v1/articles/{article}", json=stated, headers=SITE, timeout=20
    ).raise_for_status()
    return (missing, _STRANGER.ask(address, path).status_code) == (404, 200)


@contextmanager
def _caches_before_a_careless_service(folder: Path) -> Iterator[dict[str, str]]:
    """Put the same caches before a service that answers as a plain REST framework view does."""

    @Request.application
    def careless(request: Request) -> Response:
        known = request.headers.get("X-Session-Token") or request.headers.get("Authorization")
        return Response(known or "stranger", headers={"Vary": "Accept, Cookie"})

    server = make_server("127.0.0.1", 0, careless, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        with _caches(server.server_port, folder) as caches:
            yield caches
    finally:
        server.shutdown()
        server.server_close()


def _mixes_up_careless(address: str) -> int:
    """Count the pairs of callers of which one gets the other's answer."""
    mixed_up = 0
    for header, value in (("X-Session-Token", "payer"), ("Authorization", "Bearer payer")):
        payer = Caller("payer", {header: value})
        for number, (first, second) in enumerate(((payer, _STRANGER), (_STRANGER, payer))):
            path = f"/{header}/{number}"
            mixed_up += first.ask(address, path).text == second.ask(address, path).text
    return mixed_up
