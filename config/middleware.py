"""What holds for every request: sane bytes in, bounded bodies, private answers out."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from billing import deadline
from config import problems

GetResponse = Callable[[HttpRequest], HttpResponseBase]

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
# One half of a letter beyond the 16-bit plane, in an escape: no text that a database or an answer could hold.
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
# Headers whose value reaches a query; servers differ in what they let through.
_HEADERS = (
    "HTTP_X_SESSION_TOKEN",
    "HTTP_AUTHORIZATION",
    "HTTP_COOKIE",
    "HTTP_X_DEVICE_ID",
    "HTTP_X_ORIGINAL_URI",
)


class RefuseControlCharacters:
    """Answer 400 to control characters in the path, the query or a header that names somebody, 413 to large bodies.

    Postgres refuses NUL in text, which would otherwise surface as a 500.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass sane requests on; refuse the others and bodies that are too large."""
        texts = [request.path, *(request.META.get(header, "") for header in _HEADERS)]
        if any(_CONTROL.search(text) for text in texts) or _has_control(request):
            return problems.response(HTTPStatus.BAD_REQUEST, code="control_characters")
        if _content_length(request) > _limit(request):
            return problems.response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, code="too_large")
        return self._get_response(request)


class RefuseUnreadableJson:
    """Answer 400 to JSON that Python cannot hold: nested without end, a number of thousands of digits, half a letter.

    The frameworks behind expect syntax errors only; what else the parser raises would surface as a 500.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on what can be read, and what is no JSON."""
        is_headless = request.path.startswith("/_allauth/")
        is_api = request.path.startswith("/api/") and "json" in (request.content_type or "")
        if (is_headless or is_api) and request.body:
            try:
                document = json.loads(request.body)
                if _SURROGATE.search(request.body):
                    json.dumps(document, ensure_ascii=False).encode()
            except (ValueError, RecursionError):
                return problems.response(HTTPStatus.BAD_REQUEST, code="malformed")
        return self._get_response(request)


class LimitWaiting:
    """Let no request wait for Stripe for longer than a few seconds, however many calls its story needs.

    What did not come in time is answered like any trouble at Stripe; whoever repeats the request goes on with it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Begin the seconds."""
        with deadline.within(settings.SECONDS_FOR_STRIPE):
            return self._get_response(request)


class PrivateByDefault:
    """Give every answer an explicit Cache-Control: `private, no-store` unless the view said otherwise."""

    def __init__(self, get_response: GetResponse) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Add the header where it is missing."""
        response = self._get_response(request)
        if "Cache-Control" not in response.headers:
            response.headers["Cache-Control"] = "private, no-store"
        return response


def _has_control(request: HttpRequest) -> bool:
    query = request.GET
    return any(_CONTROL.search(text) for key in query for text in (key, *query.getlist(key)))


def _content_length(request: HttpRequest) -> int:
    text = request.META.get("CONTENT_LENGTH") or "0"
    return int(text) if text.isdigit() else 0


def _limit(request: HttpRequest) -> int:
    is_webhook = request.path == "/stripe/webhook/"
    return settings.WEBHOOK_MAX_BYTES if is_webhook else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
