"""Until when a story may wait: the earlier of two ends counts, and each ends with what it was set for."""

from __future__ import annotations

import math
import time

from billing import deadline
from billing.waiting import Patience


def test_without_one_there_is_no_end() -> None:
    assert deadline.seconds_left() == math.inf


def test_the_earlier_of_two_counts_and_is_over_with_its_story() -> None:
    with deadline.within(100):
        with deadline.within(1), deadline.within(50):
            assert deadline.seconds_left() <= 1
        assert 1 < deadline.seconds_left() <= 100
    assert deadline.seconds_left() == math.inf


def test_nothing_is_left_afterwards() -> None:
    with deadline.within(0):
        assert deadline.seconds_left() == 0


def test_patience_ends_with_the_story() -> None:
    began = time.monotonic()
    with deadline.within(0.3):
        patience = Patience(seconds=60)
        while patience.wait():
            pass
    assert time.monotonic() - began < 1
