"""How long whoever waits for us waits for Stripe: until when a story may ask it, however many calls that takes.

Set where a story begins, asked where it waits. Where nobody set one, waiting has no end of its own.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ends: ContextVar[float] = ContextVar("ends", default=math.inf)


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Let all that is asked in here end within so many seconds from now; of two that hold, the earlier end counts."""
    token = _ends.set(min(_ends.get(), time.monotonic() + seconds))
    try:
        yield
    finally:
        _ends.reset(token)


def seconds_left() -> float:
    """Return how long may still be waited: endless where nobody said, never less than nothing."""
    return max(0.0, _ends.get() - time.monotonic())
