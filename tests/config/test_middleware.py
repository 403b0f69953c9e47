"""Odd bytes and large bodies are refused before anybody reads them; every answer says whether it may be kept."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Session-Token": "abc\x00def"},
        {"Authorization": "Bearer abc\x00"},
        {"Cookie": "session=abc\x00def"},
        {"X-Device-Id": "\x1b[31m"},
        {"X-Original-URI": "/harbour\x00vote"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_a_control_character_in_a_header_that_names_somebody_is_400(
    client: Client, headers: dict[str, str]
) -> None:
    answer = client.get("/api/v1/session", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "control_characters")


@pytest.mark.parametrize(
    "path", ["/api/v1/articles/a%00b", "/api/v1/plans?product=%00", "/account/login/?next=%00"]
)
def test_a_control_character_in_the_address_is_400(client: Client, path: str) -> None:
    assert client.get(path).status_code == 400


def test_a_large_body_is_413_before_it_is_read(client: Client) -> None:
    body = b'{"articles": ["' + b"a" * settings.DATA_UPLOAD_MAX_MEMORY_SIZE + b'"]}'
    answer = client.post("/api/v1/access", data=body, content_type="application/json")
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_an_answer_without_a_word_about_caches_is_private(client: Client) -> None:
    assert client.get("/health/live").headers["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("path", ["/api/v1/access", "/_allauth/browser/v1/auth/login"])
@pytest.mark.parametrize(
    "body", ["[" * 100_000, '{"articles": ' + "[" * 100_000, '{"a":' * 40_000, "1" * 5000]
)
@pytest.mark.django_db
def test_json_without_end_is_400(client: Client, path: str, body: str) -> None:
    assert client.post(path, data=body, content_type="application/json").status_code == 400


@pytest.mark.parametrize("path", ["/api/v1/access", "/_allauth/browser/v1/auth/login"])
@pytest.mark.django_db
def test_half_a_letter_is_400(client: Client, path: str) -> None:
    body = r'{"articles": ["\ud83d"], "email": "\ud83d"}'
    assert client.post(path, data=body, content_type="application/json").status_code == 400


@pytest.mark.django_db
def test_json_that_can_be_read_is_passed_on_whole(client: Client) -> None:
    body = r'{"articles": ["x", "\ud83d\ude00"]}'
    answer = client.post("/api/v1/access", data=body, content_type="application/json")
    assert answer.json()["unknown"] == ["x", "\U0001f600"]
