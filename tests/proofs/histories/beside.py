"""How many histories are lived through, and where: a few in the run's own database, many beside the other proofs."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proofs.extent import extent
from tests.proofs.histories import moves
from tests.proofs.histories.crowd import Crowd

# A release is worth 20,000, which keep two cores busy for more than an hour: `HISTORIES=20000`, with a file.
HISTORIES = int(os.environ.get("HISTORIES") or extent(ordinary=25, full=2_000))
FIRST = int(os.environ.get("HISTORY_SEED") or 1)
SEEDS = range(FIRST, FIRST + HISTORIES)
# Where what came of them is written down; a later run of the same code goes on from there.
FILE = os.environ.get("HISTORY_FILE", "")
# One that was printed, to be lived through again.
GIVEN = moves.read(os.environ.get("HISTORY", ""))
# More than these are worth processes of their own.
_FEW = 200


@pytest.fixture(scope="session", autouse=True)
def histories(request: pytest.FixtureRequest) -> Iterator[Crowd | None]:
    """Begin many histories with the first proof: the others, which often wait, leave them time enough."""
    is_wanted = any(item.name.startswith("test_r1_every") for item in request.session.items)
    if not is_wanted or GIVEN or HISTORIES <= _FEW:
        yield None
        return
    crowd = Crowd(SEEDS, file=Path(FILE) if FILE else None)
    yield crowd
    crowd.disperse()


def last(items: list[pytest.Item]) -> None:
    """Let the proof that waits for the histories come last."""
    items.sort(key=lambda item: item.name.startswith("test_r1_every"))
