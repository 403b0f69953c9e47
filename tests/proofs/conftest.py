"""What every proof has: its line of figures, a database of its own, private services."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest

from tests.billing.conftest import market, shop  # noqa: F401  fixtures that proofs share
from tests.proofs.extent import IS_FULL
from tests.proofs.histories import beside
from tests.proofs.histories.beside import histories  # noqa: F401  likewise
from tests.proofs.leaks import cast
from tests.proofs.leaks.cast import Town
from tests.proofs.processes import services
from tests.proofs.processes.services import Postgres, Redis

_HERE = Path(__file__).parent


class Figure(Protocol):
    """Prints a proof's line; to be called before its assertions, so that a failure has figures too."""

    def __call__(self, name: str, measured: str, *, target: str) -> None:
        """Print `R1  measured (target: …), seconds`."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark all that lives here as a proof; what goes on beside the others is waited for at the end."""
    beside.last(items)
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker(pytest.mark.proof)


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Print a proof's line of figures, whatever pytest does with the output."""
    began = time.monotonic()
    capture = request.config.pluginmanager.getplugin("capturemanager")

    def line(name: str, measured: str, *, target: str) -> None:
        text = f"\n{name:<4} {measured} (target: {target}), {time.monotonic() - began:.0f} s\n"
        with capture.global_and_fixture_disabled():
            sys.stdout.write(text)
            sys.stdout.flush()

    return line


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A Postgres of our own, which a proof may stop and start as it likes; skipped where none is installed."""
    services.require(Postgres.binary(), "Postgres (apt install postgresql)")
    # Beside pytest's own folders, which nobody but their owner may enter: Postgres does not run as root.
    folder = Path(tempfile.mkdtemp(prefix="paywall-pg-"))
    server = Postgres(folder=folder)
    server.create()
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Redis]:
    """A Redis of our own, which a proof may freeze, flush and kill; skipped where none is installed."""
    services.require(Redis.binary(), "Redis (apt install redis-server)")
    server = Redis(folder=tmp_path)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def town(settings: Any, at_noon: None, db: None) -> Iterator[Town]:
    """Marked articles, readers of every kind, staff, a site: for scans of the whole service."""
    with cast.open_town() as opened:
        settings.STRIPE_API_BASE = opened.stripe
        yield opened


def _vendors() -> list[str]:
    """Both databases where the proof is run in full; else the one that this run is about."""
    if IS_FULL:
        return ["sqlite", "postgres"]
    return ["postgres" if os.environ.get("DATABASE_URL", "").startswith("postgres") else "sqlite"]


@pytest.fixture(params=_vendors())
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database for processes that the proof starts: `DATABASE_URL` for their environment."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'proof.sqlite3'}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()
