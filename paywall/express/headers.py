"""The headers that the application gave to such an answer last: security, origins, caches.

They are learned from it, so that nothing has to be said twice, and an answer of a kind that it has not given yet to
such a request (host, scheme, origin) is left to it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from paywall.express.questions import Kind

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Headers = list[tuple[str, str]]
_Case = tuple[Kind, int, str, str, str, str]

# What belongs to one answer only.
_OF_ONE_ANSWER = frozenset(
    {"content-length", "content-language", "set-cookie", "x-paywall-reason", "x-paywall-access"}
)
_LEARNED = frozenset({200, 204, 401, 403})
# No host and origin that mean something are longer; what is made up is not kept.
_LONGEST = 300
# Hosts and origins are few; whoever makes some up makes us learn anew.
_MOST = 256


class LearnedHeaders:
    """What has been learned, by kind of question, status, host, scheme and origin."""

    def __init__(self) -> None:
        self._known: dict[_Case, Headers] = {}

    def headers(self, kind: Kind, environ: WSGIEnvironment, *, status: int) -> Headers | None:
        """Return the headers of such an answer, None where none was seen yet."""
        return self._known.get(_case(kind, environ, status=status))

    def learning(self, kind: Kind, environ: WSGIEnvironment, start_response: StartResponse) -> StartResponse:
        """Return what notes the headers of the application's answer and passes them on."""

        def start(status: str, headers: Headers, *more: Any) -> Callable[[bytes], object]:
            number = int(status.partition(" ")[0])
            if number in _LEARNED and _is_decision(kind, headers) and _is_usual(environ):
                if len(self._known) >= _MOST:
                    self._known = {}
                kept = [each for each in headers if each[0].lower() not in _OF_ONE_ANSWER]
                self._known[_case(kind, environ, status=number)] = kept
            return start_response(status, headers, *more)

        return start


def _is_decision(kind: Kind, headers: Headers) -> bool:
    """Whether such an answer is a decision, and no error of the same status."""
    sent = {name.lower(): value for name, value in headers}
    if kind is Kind.CHECK:
        return "x-paywall-reason" in sent
    return sent.get("content-type") == "application/json"


def _is_usual(environ: WSGIEnvironment) -> bool:
    return len(environ["HTTP_HOST"]) + len(environ.get("HTTP_ORIGIN", "")) <= _LONGEST


def _case(kind: Kind, environ: WSGIEnvironment, *, status: int) -> _Case:
    return (
        kind,
        status,
        environ["HTTP_HOST"],
        environ.get("wsgi.url_scheme", ""),
        environ.get("HTTP_X_FORWARDED_PROTO", ""),
        environ.get("HTTP_ORIGIN", ""),
    )
