"""Every expected failure has one line in the public error table; a surprise says nothing of what it was."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import OperationalError
from django.http import HttpRequest
from django.test import Client, RequestFactory
from rest_framework import exceptions

from accounts import errors as accounts_errors
from billing import errors as billing_errors
from config import problems
from paywall import errors as paywall_errors

# Told as an error of the field that caused it.
_ANSWERED_BY_THEIR_VIEW = {billing_errors.CursorUnknown}


def _kinds(module: Any) -> list[type[Exception]]:
    found = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    found = [kind for kind in found if kind not in _ANSWERED_BY_THEIR_VIEW]
    return [kind for kind in found if kind.__module__ == module.__name__ and not kind.__subclasses__()]


@pytest.mark.parametrize(
    "kind",
    [*_kinds(accounts_errors), *_kinds(paywall_errors), *_kinds(billing_errors)],
    ids=lambda kind: kind.__name__,
)
def test_every_error_of_ours_has_a_line(kind: type[Exception]) -> None:
    assert any(issubclass(kind, known) for known, _ in problems._TABLE)


def test_a_lost_database_is_503_and_says_when_to_come_back() -> None:
    answer = problems.handler(OperationalError("the password is hunter2"), {})
    assert answer is not None
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert "hunter2" not in json.dumps(answer.data)


def test_a_surprise_is_left_to_the_server_error_page() -> None:
    assert problems.handler(RuntimeError("a secret"), {}) is None


@pytest.mark.parametrize(
    ("path", "error", "status", "code"),
    [
        ("/api/v1/plans", RuntimeError("a secret"), 500, "internal_error"),
        ("/api/v1/plans", OperationalError("a secret"), 503, "database_unavailable"),
    ],
)
def test_the_server_error_answer_says_nothing_of_what_it_was(
    path: str, error: Exception, status: int, code: str
) -> None:
    answer = _answer_while_handling(error, RequestFactory().get(path))
    assert answer.status_code == status
    assert json.loads(answer.content)["code"] == code
    assert b"secret" not in answer.content


def test_people_get_a_page_without_the_error() -> None:
    answer = _answer_while_handling(RuntimeError("a secret"), RequestFactory().get("/account/"))
    assert answer.status_code == 500
    assert b"secret" not in answer.content
    assert b"<title>" in answer.content


def _answer_while_handling(error: Exception, request: HttpRequest) -> Any:
    try:
        raise error
    except (RuntimeError, OperationalError):
        return problems.server_error(request)


def test_field_errors_stand_by_field() -> None:
    answer = problems.handler(exceptions.ValidationError({"price": ["Unknown."]}), {})
    assert answer is not None
    assert answer.data["code"] == "invalid"
    assert answer.data["errors"] == {"price": ["Unknown."]}


def test_a_missing_page_is_a_problem_for_the_api_and_a_page_for_people(client: Client) -> None:
    answer = client.get("/api/v1/nothing")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer.headers["Content-Type"] == "application/problem+json"
    page = client.get("/nothing/")
    assert page.status_code == 404
    assert page.headers["Content-Type"].startswith("text/html")


def test_a_refused_form_is_a_page_that_says_what_to_do() -> None:
    page = Client(enforce_csrf_checks=True).post("/account/login/", {"login": "a@b.example"})
    assert page.status_code == 403
    assert "reload" in page.content.decode()
