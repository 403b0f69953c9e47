"""Many histories, one after the other in this process or beside each other in as many as there are cores."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from tests.proofs.histories import moves, settling, trial

# Invoices and cards are looked at in every so-manieth history.
_THOROUGH = 5
_AT_ONCE = 50


@dataclass(slots=True)
class Tally:
    """What came of some histories: what happened in them, and which did not end equal (by seed)."""

    figures: Counter[str] = field(default_factory=Counter)
    unequal: dict[int, str] = field(default_factory=dict)
    seconds: float = 0.0  # of CPU
    elapsed: float = 0.0  # of waiting for all of them together

    def add(self, other: Tally) -> None:
        """Count those of another as well."""
        self.figures.update(other.figures)
        self.unequal.update(other.unequal)
        self.seconds += other.seconds


def live(seeds: Sequence[int]) -> Tally:
    """Live through the histories of these seeds, here."""
    tally, began = Tally(), time.process_time()
    with trial.held() as ground:
        for seed in seeds:
            verdict = trial.of(
                moves.of(seed), ground=ground, figures=tally.figures, is_thorough=not seed % _THOROUGH
            )
            if verdict.difference:
                tally.unequal[seed] = verdict.difference
    tally.seconds = tally.elapsed = time.process_time() - began
    return tally


class Crowd:
    """Histories lived through in processes of their own, each with its own SQLite in memory, from now on.

    They take what others leave of the machine: other proofs may run meanwhile, and some of those keep an eye on time.
    """

    def __init__(self, seeds: Sequence[int], *, processes: int | None = None) -> None:
        self.seeds = seeds
        self._began = time.monotonic()
        self._pool = ProcessPoolExecutor(
            processes or os.cpu_count(),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=settling.settle,
        )
        portions = [seeds[start : start + _AT_ONCE] for start in range(0, len(seeds), _AT_ONCE)]
        self._parts = [self._pool.submit(live, portion) for portion in portions]

    def tally(self, *, told: Callable[[str], object]) -> Tally:
        """Wait for all of them, and say what came of them; how far it is, is told on the way."""
        tally, step = Tally(), max(1, len(self._parts) // 20)
        for number, part in enumerate(self._parts, start=1):
            tally.add(part.result())
            if not number % step:
                told(f"{number * _AT_ONCE} of {len(self.seeds)} so far, {len(tally.unequal)} unequal")
        tally.elapsed = time.monotonic() - self._began
        return tally

    def disperse(self) -> None:
        """Begin no further history, and wait for those under way."""
        self._pool.shutdown(cancel_futures=True)
