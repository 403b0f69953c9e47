"""How much a proof does: enough to catch a slip in every run, the whole claim in `manage.py test proofs`."""

from __future__ import annotations

import os

IS_FULL = os.environ.get("PROOFS") == "full"


def extent(*, ordinary: int, full: int) -> int:
    """Return how many times a proof repeats itself in this run."""
    return full if IS_FULL else ordinary
