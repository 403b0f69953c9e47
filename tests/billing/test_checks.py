"""What is missing before money can move is said at the start."""

from __future__ import annotations

from typing import Any

import pytest

from billing import checks


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, [], id="all is set"),
        pytest.param({"STRIPE_SECRET_KEY": ""}, ["billing.W001"], id="no key"),
        pytest.param({"STRIPE_WEBHOOK_SECRETS": (), "DEBUG": False}, ["billing.E002"], id="no secret"),
        pytest.param(
            {"STRIPE_WEBHOOK_SECRETS": (), "DEBUG": True}, ["billing.W002"], id="no secret, at home"
        ),
        pytest.param({"STRIPE_WEBHOOK_SECRETS": ("sk_test_1",)}, ["billing.E003"], id="a key for a secret"),
    ],
)
def test_settings(settings: Any, changed: dict[str, Any], expected: list[str]) -> None:
    for name, value in changed.items():
        setattr(settings, name, value)
    assert [found.id for found in checks.stripe_is_configured(None)] == expected
