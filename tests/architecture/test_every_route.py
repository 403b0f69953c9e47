"""Every route and method of the whole service: no body to those who may not read it, no cacheable answer about a
person, no surprise. Routes come from the URLconf, so a new one is held to this without being listed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookies import SimpleCookie

import pytest
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.core.cache import cache
from django.http.response import HttpResponseBase
from django.test import Client

from accounts.models import User
from tests.architecture.routes import METHODS, Route, all_routes
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.paywall import MARKER, article, entitle, grant
from tests.paywall.conftest import SITE

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

# The one place that hands out the body, to whom it belongs.
_READ = "/api/v1/articles/harbour-vote/read"
_BODIES = {"/api/v1/access": json.dumps({"articles": ["harbour-vote"]})}
# What may be kept by a browser or a shared cache, since it is the same for everybody.
_PUBLIC = ("/static/", "/.well-known/", "/admin/jsi18n/")
_SAMPLES = {
    "article_id": "harbour-vote",
    "object_id": "harbour-vote",
    "app_label": "paywall",
    "url": "nowhere/",
    "key": "abc",
    "uidb36": "1",
    "client": "browser",
    "content_type_id": "1",
    "token": "abc",
}


@dataclass(frozen=True, slots=True)
class Found:
    """One answer of the whole service."""

    route: Route
    method: str
    answer: HttpResponseBase

    @property
    def text(self) -> str:
        """Everything in it that a caller sees: headers and content."""
        content = b"".join(self.answer) if self.answer.streaming else self.answer.content
        return str(self.answer.headers) + content.decode("utf-8", errors="replace")


def _ask_everything(client: Client, *, as_reader: User | None = None) -> Iterator[Found]:
    # What changes or ends something comes last, so that everything before it still finds it.
    methods = sorted(METHODS, key=lambda method: method in {"PUT", "PATCH", "DELETE"})
    routes = [route for route in all_routes(samples=_SAMPLES) if "(" not in route.path]
    assert len(routes) > 100
    for method in methods:
        for route in routes:
            # Some routes sign out or close the account, so a reader comes anew each time.
            if as_reader is None:
                client.cookies = SimpleCookie()
            elif not _is_signed_in(client) and User.objects.filter(pk=as_reader.pk, is_active=True).exists():
                client.force_login(as_reader, backend=settings.AUTHENTICATION_BACKENDS[0])
            options = {} if method in {"GET", "HEAD"} else {"data": _BODIES.get(route.path, "{}")}
            headers = {"X-Original-URI": "/harbour-vote"}
            answer = client.generic(
                method, route.path, content_type="application/json", headers=headers, **options
            )
            yield Found(route, method, answer)


def _is_signed_in(client: Client) -> bool:
    return SESSION_KEY in client.session


def _stranger() -> Client:
    return Client(raise_request_exception=False)


def _violations(answers: Iterator[Found], *, may_read: Callable[[Found], bool]) -> list[str]:
    wrong = []
    for found in answers:
        name = f"{found.method} {found.route.path}"
        if found.answer.status_code >= 500 and found.answer.status_code != 503:
            wrong.append(f"{name}: {found.answer.status_code}")
        if MARKER in found.text and not may_read(found):
            wrong.append(f"{name}: the body")
        cache_control = found.answer.headers.get("Cache-Control", "")
        is_public = found.route.path.startswith(_PUBLIC)
        if "no-store" not in cache_control and not (is_public and cache_control):
            wrong.append(f"{name}: Cache-Control {cache_control!r}")
    return wrong


@pytest.fixture(autouse=True)
def _article() -> None:
    article()
    cache.clear()


def test_a_stranger_finds_no_body_and_no_cacheable_answer() -> None:
    assert _violations(_ask_everything(_stranger()), may_read=lambda _: False) == []


def test_a_reader_without_a_subscription_finds_none_either() -> None:
    reader = a_reader("nobody@readers.example")
    assert _violations(_ask_everything(_stranger(), as_reader=reader), may_read=lambda _: False) == []


def test_a_subscriber_finds_it_in_one_place_only() -> None:
    reader = a_reader("payer@readers.example")
    entitle(reader, grant())
    seen = list(_ask_everything(_stranger(), as_reader=reader))
    assert [f"{found.method} {found.route.path}" for found in seen if MARKER in found.text] == [
        f"POST {_READ}"
    ]
    assert _violations(iter(seen), may_read=lambda found: found.route.path == _READ) == []


def test_staff_find_it_in_the_same_place_only() -> None:
    staff = a_member_of_staff("desk@readers.example")
    seen = _ask_everything(_stranger(), as_reader=staff)
    assert _violations(seen, may_read=lambda found: found.route.path == _READ) == []


def test_the_site_key_sees_no_body() -> None:
    client = Client(raise_request_exception=False, headers=SITE)
    assert _violations(_ask_everything(client), may_read=lambda _: False) == []
