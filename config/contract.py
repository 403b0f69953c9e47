"""What the OpenAPI document says of every operation alike: the shape of a problem, and the statuses that may answer."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from config import problems

_PROBLEM = {
    "type": "object",
    "description": "Why there is no other answer (RFC 9457). `code` is stable; `detail` is for people.",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "errors": {"type": "object", "description": "By field: what is wrong with it.", "additionalProperties": {}},
        "remedies": {"type": "array", "description": "Nearest way out first.", "items": {"type": "object"}},
    },
    "required": ["code", "detail", "status", "title", "type"],
}  # fmt: skip
_CONTENT = {problems.CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
_SAID = {
    HTTPStatus.BAD_REQUEST: "Not understood, or refused as it stands.",
    HTTPStatus.UNAUTHORIZED: "Credentials are missing, or are not valid, or no longer.",
    HTTPStatus.FORBIDDEN: "Not for whoever asks, or without a valid CSRF token.",
    HTTPStatus.NOT_FOUND: "There is no such article, gift or reader.",
    HTTPStatus.NOT_ACCEPTABLE: "Only JSON is served.",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "More than the service reads.",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "Only JSON is read.",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not now; `Retry-After` says when to come back.",
}
# What the addresses of articles and gifts are made of (`paywall.urls`), which the generator does not tell.
_IDS = {"article_id", "gift_id"}
_ID = {"type": "string", "pattern": "^[-a-zA-Z0-9_]+$"}
_UNSAFE = {"post", "put", "patch", "delete"}


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:  # noqa: ARG001, FBT001  drf-spectacular passes these
    """Add the answers that come from no view of their own; used as a postprocessing hook of drf-spectacular."""
    result["components"]["schemas"]["Problem"] = _PROBLEM
    result["components"]["responses"] = {
        _name(status): {"description": text, "content": _CONTENT} for status, text in _SAID.items()
    }
    for item in result["paths"].values():
        for method, operation in item.items():
            _say_what_ids_are(operation)
            _add_problems(method, operation)
    schemas = result["components"]["schemas"]
    result["components"]["schemas"] = dict(sorted(schemas.items()))
    return result


def _add_problems(method: str, operation: dict[str, Any]) -> None:
    answers = operation["responses"]
    for status in _problems_of(method, operation):
        answers.setdefault(str(int(status)), {"$ref": f"#/components/responses/{_name(status)}"})
    if conflict := answers.get(str(int(HTTPStatus.CONFLICT))):
        conflict["content"] = _CONTENT
    operation["responses"] = dict(sorted(answers.items()))


def _problems_of(method: str, operation: dict[str, Any]) -> Iterator[HTTPStatus]:
    yield from (HTTPStatus.BAD_REQUEST, HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_ACCEPTABLE)
    yield HTTPStatus.SERVICE_UNAVAILABLE
    if {} not in operation["security"] or method in _UNSAFE:
        yield HTTPStatus.FORBIDDEN
    if {*_IDS, "reader"} & {parameter["name"] for parameter in operation.get("parameters", ())}:
        yield HTTPStatus.NOT_FOUND
    if "requestBody" in operation:
        yield from (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.UNSUPPORTED_MEDIA_TYPE)


def _say_what_ids_are(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] in _IDS:
            parameter["schema"] = _ID


def _name(status: HTTPStatus) -> str:
    return status.phrase.title().replace(" ", "")
