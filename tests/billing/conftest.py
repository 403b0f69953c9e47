"""What tests of billing may ask for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.billing.market import Market, open_market
from tests.factories.billing import Shop, a_shop


@pytest.fixture
def shop(db: None) -> Shop:
    """A sandbox and our side of it, each test its own."""
    return a_shop()


@pytest.fixture
def market(settings: Any, db: None) -> Iterator[Market]:
    """A sandbox behind a loopback port, with the demo's plans on sale; the app's own gateway leads to it."""
    with open_market(Path(settings.CLOCK_FILE)) as opened:
        settings.STRIPE_API_BASE = opened.base
        opened.stock()
        yield opened
