"""A new SECRET_KEY: with the old one as a fallback nobody notices; without, everybody signs in again."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client

from tests.factories.accounts import a_reader

pytestmark = pytest.mark.django_db
NEW = "a-new-key-for-tests-only-a-new-key-for-tests-only-0000"


def is_signed_in(client: Client) -> bool:
    return bool(client.get("/_allauth/browser/v1/auth/session").json()["meta"]["is_authenticated"])


@pytest.mark.parametrize("with_fallback", [True, False])
def test_a_session_outlives_the_key_as_long_as_the_key_is_remembered(
    with_fallback: bool, client: Client, settings: Any
) -> None:
    client.force_login(a_reader())
    assert is_signed_in(client)
    old = configured.SECRET_KEY
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = NEW, [old] if with_fallback else []
    assert is_signed_in(client) is with_fallback
