"""Settings that would open a door stop the start."""

from __future__ import annotations

from typing import Any

import pytest

from accounts import checks


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_all_is_well(settings: Any) -> None:
    settings.CLOCK_FILE = None
    assert checks.clock_is_real(None) == []
    assert checks.accounts_cannot_be_prepared(None) == []
    assert checks.sessions_are_hashed(None) == []


@pytest.mark.parametrize(
    ("name", "value", "check", "expected"),
    [
        ("DEBUG", False, checks.clock_is_real, "accounts.E001"),
        (
            "ACCOUNT_SIGNUP_FIELDS",
            ["email*", "password1"],
            checks.accounts_cannot_be_prepared,
            "accounts.E002",
        ),
        ("ACCOUNT_EMAIL_VERIFICATION", "optional", checks.accounts_cannot_be_prepared, "accounts.E003"),
        (
            "SESSION_ENGINE",
            "django.contrib.sessions.backends.db",
            checks.sessions_are_hashed,
            "accounts.E004",
        ),
    ],
)
def test_what_is_not_is_told(settings: Any, name: str, value: object, check: Any, expected: str) -> None:
    settings.CLOCK_FILE = "/var/run/clock"
    setattr(settings, name, value)
    assert ids(check(None)) == [expected]
