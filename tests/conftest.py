"""What every test may ask for. Nothing here touches the database by itself."""

from __future__ import annotations

import gc
import os
import shutil
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation
from hypothesis import HealthCheck, settings

# A law holds on a busy machine too: how long its examples take to make says nothing of it.
settings.register_profile("here", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")

_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture
def now() -> datetime:
    """The moment at which most tests happen."""
    return datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.fixture
def at_noon(settings: Any, tmp_path: Path, now: datetime) -> None:
    """Set the clock of entry points to `now`, the noon at which the factories' stories play."""
    clock = tmp_path / "clock"
    clock.write_text(str(now.timestamp() - time.time()))
    settings.CLOCK_FILE = clock


@pytest.fixture(autouse=True)
def _in_english() -> Iterator[None]:
    """Let no test inherit the language of a request that another one made."""
    with translation.override("en"):
        yield


@pytest.fixture(autouse=True, scope="session")
def _block_network() -> Iterator[None]:
    """Refuse every connection that leaves this machine, unless the contract suite was asked to question Stripe."""
    if os.environ.get("STRIPE_CONTRACT_KEY"):
        yield
        return
    real = socket.socket.connect

    def connect(self: socket.socket, address: Any) -> None:
        if self.family in {socket.AF_INET, socket.AF_INET6} and address[0] not in _LOOPBACK:
            raise RuntimeError(f"A test tried to reach {address[0]}.")
        return real(self, address)

    socket.socket.connect = connect
    yield
    socket.socket.connect = real


_CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


# What runs whole installations, in the order in which they are started: each ends before the next begins, and no other
# test has to share the machine with one.
_INSTALLATIONS = ("shared_installation", "demo")


def pytest_collection_finish() -> None:
    """Keep the collector from walking again and again through all that was imported: 7 % of the time."""
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests that need a whole installation come last, together; see to the browser."""
    items.sort(key=_installation)
    _see_to_browser(items)


def _installation(item: pytest.Item) -> int:
    wanted = [name for name in _INSTALLATIONS if name in getattr(item, "fixturenames", ())]
    return 1 + _INSTALLATIONS.index(wanted[0]) if wanted else 0


def _see_to_browser(items: list[pytest.Item]) -> None:
    """Skip browser tests with one clear line where there is no browser; fail where one is required."""
    if _CHROMIUM:
        return
    for item in items:
        if item.get_closest_marker("browser"):
            if os.environ.get("REQUIRE_BROWSER") == "1":
                raise pytest.UsageError("REQUIRE_BROWSER=1, but there is no Chromium (apt install chromium).")
            item.add_marker(pytest.mark.skip(reason="no Chromium (apt install chromium)"))


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Use the system's Chromium, which goes nowhere by itself."""
    flags = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-quic"]
    return {**browser_type_launch_args, "executable_path": _CHROMIUM, "args": flags}
