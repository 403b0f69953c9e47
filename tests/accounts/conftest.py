"""What the tests of this app share."""

from __future__ import annotations

from typing import Any

import pytest

from accounts.passwords import CappedScryptPasswordHasher


class QuickPasswordHasher(CappedScryptPasswordHasher):
    """Ours, a thousand times cheaper."""

    work_factor = 2**4


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.QuickPasswordHasher"]
