"""The service as a WSGI server meets it, with a Redis of our own and a count of SQL."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from accounts import shelf
from accounts.models import User
from paywall.express.lane import ExpressLane
from tests.paywall.conftest import sign_in
from tests.proofs.processes import services
from tests.proofs.processes.services import Redis


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    statements: int
    was_handed_on: bool  # to Django

    @property
    def is_express(self) -> bool:
        return not self.was_handed_on and self.statements == 0

    @property
    def told(self) -> dict[str, Any]:
        """What was decided, but for the id, which is another each time."""
        is_json = "json" in self.headers.get("Content-Type", "") and bool(self.body)
        document: dict[str, Any] = json.loads(self.body) if is_json else {}
        document.pop("id", None)
        return document

    @property
    def reason(self) -> str:
        return str(self.told.get("reason") or self.headers["X-Paywall-Reason"])


class Web:
    """The application behind the lane."""

    def __init__(self) -> None:
        self._handed_on = 0
        django: Any = get_wsgi_application()

        def behind(environ: Any, start_response: Any) -> Any:
            self._handed_on += 1
            return django(environ, start_response)

        self._application = ExpressLane(behind)

    def browser(self, who: User | None = None) -> Browser:
        """Return somebody's browser, which has been here before."""
        cookies = {}
        if who is not None:
            name = django_settings.SESSION_COOKIE_NAME
            cookies[name] = sign_in(who).cookies[name].value
        browser = Browser(self, cookies)
        browser.get("/api/v1/articles/nowhere/access")
        return browser

    def ask(
        self, path: str, *, method: str = "GET", cookies: dict[str, str] | None = None, **headers: str
    ) -> Answer:
        sent: dict[str, Any] = {
            f"HTTP_{name}": value for name, value in {"HOST": "testserver", **headers}.items()
        }
        if cookies:
            sent["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
        environ: Any = RequestFactory().generic(method, path, **sent).environ
        got: list[Any] = []

        def start_response(*told: Any) -> Any:
            got.extend(told)

        before = self._handed_on
        with CaptureQueriesContext(connection) as captured:
            response: Any = self._application(environ, start_response)
            body = b"".join(response)
            if hasattr(response, "close"):
                response.close()
        return Answer(
            status=int(got[0].split()[0]),
            headers=dict(got[1]),
            body=body,
            statements=len(captured.captured_queries),
            was_handed_on=self._handed_on != before,
        )


class Browser:
    """Somebody with cookies, at a server of one process."""

    def __init__(self, web: Web, cookies: dict[str, str]) -> None:
        self._web = web
        self.cookies = cookies

    def peek(self, article: str = "harbour-vote", **headers: str) -> Answer:
        return self.get(f"/api/v1/articles/{article}/access", **headers)

    def check(self, article: str = "harbour-vote", **headers: str) -> Answer:
        return self.get("/api/v1/access/check", X_ORIGINAL_URI=f"/{article}", **headers)

    def get(self, path: str, *, method: str = "GET", **headers: str) -> Answer:
        answer = self._web.ask(path, method=method, cookies=self.cookies, **headers)
        for name, morsel in SimpleCookie(answer.headers.get("Set-Cookie", "")).items():
            self.cookies[name] = morsel.value
        return answer


@pytest.fixture
def redis(tmp_path: Path, settings: Any) -> Iterator[Redis]:
    """A Redis of our own, in use; skipped where none is installed."""
    services.require(Redis.binary(), "Redis (apt install redis-server)")
    server = Redis(folder=tmp_path)
    server.start()
    settings.REDIS_URL = server.url
    settings.EXPRESS_LANE = True
    shelf.forget_trouble()
    yield server
    server.stop()
    shelf.forget_trouble()


@pytest.fixture
def web(redis: Redis, transactional_db: None) -> Web:
    return Web()


@pytest.fixture
def alone(settings: Any, transactional_db: None) -> Web:
    """The same without a Redis."""
    settings.REDIS_URL = ""
    settings.EXPRESS_LANE = True
    return Web()
