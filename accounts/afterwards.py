"""What a request leaves to be done once its answer has gone out: nobody waits for it, and nobody can time it."""

from __future__ import annotations

import threading
from collections.abc import Callable

_here = threading.local()


def do(work: Callable[[], object]) -> None:
    """Have `work` done by this thread when the answer of the request in hand has gone out."""
    _here.work = [*getattr(_here, "work", ()), work]


def catch_up() -> None:
    """Do what was left to be done. What fails is not repeated here, so somebody else has to find it."""
    work, _here.work = getattr(_here, "work", ()), ()
    for one in work:
        one()
