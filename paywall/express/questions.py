"""A request that the express lane may answer: a check or a peek with nothing unusual about it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest

from accounts.session_store import Door, SessionStore
from accounts.sessions import token_of

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_CHECK = "/api/v1/access/check"
_PEEK = re.compile(r"/api/v1/articles/([-a-zA-Z0-9_]{1,120})/access")
# What asks for plain JSON; anything else is for the framework to weigh.
_ACCEPTED = frozenset({"", "*/*", "application/json", "application/json, text/plain, */*"})
# What names somebody or something; letters beyond ASCII and control characters are for the framework to judge.
_TELLING = (
    "HTTP_COOKIE",
    "HTTP_AUTHORIZATION",
    "HTTP_X_SESSION_TOKEN",
    "HTTP_X_DEVICE_ID",
    "HTTP_X_ORIGINAL_URI",
    "HTTP_X_FORWARDED_URI",
    "HTTP_HOST",
)


class Kind(StrEnum):
    """What is asked."""

    PEEK = "peek"
    CHECK = "check"


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks what. `article_id` is empty for a check, which names addresses (`uris`) instead."""

    kind: Kind
    request: WSGIRequest
    session: SessionStore | None  # whose key was presented, unchecked
    article_id: str = ""
    uris: tuple[str, ...] = ()


def of(environ: WSGIEnvironment) -> Question | None:
    """Return the question of a request; None for whatever is not plainly one."""
    path = environ.get("PATH_INFO", "")
    peek = _PEEK.fullmatch(path) if path != _CHECK else None
    if (path != _CHECK and peek is None) or not _is_plain(environ, Kind.PEEK if peek else Kind.CHECK):
        return None
    request = WSGIRequest(environ)
    given = _credentials(request)
    session = _session(request) if given else None
    if len(given) > 1 or (given and (session is None or not session.session_key)):
        return None  # of two kinds, of another kind, or no key at all: for those to refuse who do
    if peek is not None:
        return Question(Kind.PEEK, request, session, article_id=peek[1])
    names = ("HTTP_X_ORIGINAL_URI", "HTTP_X_FORWARDED_URI")
    uris = tuple(uri for name in names if (uri := environ.get(name)))
    return Question(Kind.CHECK, request, session, uris=uris) if uris else None


def _is_plain(environ: WSGIEnvironment, kind: Kind) -> bool:
    accept = environ.get("HTTP_ACCEPT", "")
    return (
        environ["REQUEST_METHOD"] == "GET"
        and not environ.get("QUERY_STRING")
        and not environ.get("SCRIPT_NAME")
        and environ.get("CONTENT_LENGTH", "") in {"", "0"}
        and "HTTP_TRANSFER_ENCODING" not in environ
        # What a proxy asks on behalf of a browser takes anything; such an answer has no body.
        and (accept in _ACCEPTED or (kind is Kind.CHECK and "*/*" in accept))
        and "HTTP_HOST" in environ
        and all(_is_ascii(environ.get(name, "")) for name in _TELLING)
    )


def _is_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _credentials(request: WSGIRequest) -> list[str]:
    given = (
        request.COOKIES.get(settings.SESSION_COOKIE_NAME),
        request.META.get("HTTP_X_SESSION_TOKEN"),
        request.META.get("HTTP_AUTHORIZATION"),
    )
    return [each for each in given if each]


def _session(request: WSGIRequest) -> SessionStore | None:
    """Return the session whose key was presented; None for a credential that is none."""
    cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if cookie:
        return SessionStore(cookie)
    token = token_of(request)
    return SessionStore(token, door=Door.HEADER) if token else None
