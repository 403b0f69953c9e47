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
    """Who asks what. `article` is empty for a check, which names addresses (`uris`) instead."""

    kind: Kind
    request: WSGIRequest
    article: str = ""
    uris: tuple[str, ...] = ()

    @property
    def session(self) -> SessionStore | None:
        """The session whose key was presented, unchecked; None where none was."""
        cookie = self.request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if cookie:
            return SessionStore(cookie)
        token = token_of(self.request)
        return SessionStore(token, door=Door.HEADER) if token else None


def of(environ: WSGIEnvironment) -> Question | None:
    """Return the question of a request; None for whatever is not plainly one."""
    path = environ.get("PATH_INFO", "")
    peek = _PEEK.fullmatch(path) if path != _CHECK else None
    if (path != _CHECK and peek is None) or not _is_plain(environ):
        return None
    request = WSGIRequest(environ)
    if not _has_one_credential_at_most(request):
        return None
    if peek is not None:
        return Question(Kind.PEEK, request, article=peek[1])
    names = ("HTTP_X_ORIGINAL_URI", "HTTP_X_FORWARDED_URI")
    uris = tuple(uri for name in names if (uri := environ.get(name)))
    return Question(Kind.CHECK, request, uris=uris) if uris else None


def _is_plain(environ: WSGIEnvironment) -> bool:
    return (
        environ["REQUEST_METHOD"] == "GET"
        and not environ.get("QUERY_STRING")
        and not environ.get("SCRIPT_NAME")
        and environ.get("CONTENT_LENGTH", "") in {"", "0"}
        and "HTTP_TRANSFER_ENCODING" not in environ
        and environ.get("HTTP_ACCEPT", "") in _ACCEPTED
        and "HTTP_HOST" in environ
        and all(_is_ascii(environ.get(name, "")) for name in _TELLING)
    )


def _is_ascii(text: str) -> bool:
    return text.isascii() and text.isprintable()


def _has_one_credential_at_most(request: WSGIRequest) -> bool:
    """Leave site keys, unknown kinds and credentials of two kinds to those who refuse them."""
    authorization = request.META.get("HTTP_AUTHORIZATION", "")
    if authorization and not authorization.lower().startswith("bearer "):
        return False
    given = (
        request.COOKIES.get(settings.SESSION_COOKIE_NAME),
        request.META.get("HTTP_X_SESSION_TOKEN"),
        authorization,
    )
    return sum(map(bool, given)) <= 1
