"""Many histories, one after the other in this process or beside each other in as many as there are cores.

What came of them can be written down on the way (`HISTORY_FILE`), so that a run that was ended goes on where it was.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

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

    def __init__(self, seeds: Sequence[int], *, file: Path | None, processes: int | None = None) -> None:
        self.seeds = seeds
        self._file = file
        self._done = _read(file) if file is not None else {}
        self._began = time.monotonic()
        self._pool = ProcessPoolExecutor(
            processes or os.cpu_count(),
            mp_context=multiprocessing.get_context("spawn"),
            initializer=settling.settle,
        )
        portions = [seeds[start : start + _AT_ONCE] for start in range(0, len(seeds), _AT_ONCE)]
        self._before = [self._done[str(portion)] for portion in portions if str(portion) in self._done]
        self._parts = [self._submit(portion) for portion in portions if str(portion) not in self._done]

    def _submit(self, portion: Sequence[int]) -> Future[Tally]:
        part = self._pool.submit(live, portion)
        if self._file is not None:
            part.add_done_callback(partial(_write, self._file, str(portion)))
        return part

    def tally(self, *, told: Callable[[str], object]) -> Tally:
        """Wait for all of them, and say what came of them; how far it is, is told on the way."""
        tally, step = Tally(), max(1, len(self._parts) // 20)
        for before in self._before:
            tally.add(before)
        for number, part in enumerate(as_completed(self._parts), start=len(self._before) + 1):
            tally.add(part.result())
            if not number % step:
                told(f"{number * _AT_ONCE} of {len(self.seeds)} so far, {len(tally.unequal)} unequal")
        tally.elapsed = time.monotonic() - self._began
        return tally

    def disperse(self) -> None:
        """Begin no further history, and wait for those under way."""
        self._pool.shutdown(cancel_futures=True)


def _read(file: Path) -> dict[str, Tally]:
    """Return what an earlier run wrote down, by portion."""
    lines = file.read_text().splitlines() if file.exists() else []
    found = [json.loads(line) for line in lines if line.endswith("}")]  # the last may have been cut off
    return {
        each["portion"]: Tally(
            figures=Counter(each["figures"]),
            unequal={int(seed): told for seed, told in each["unequal"].items()},
            seconds=each["seconds"],
        )
        for each in found
    }


def _write(file: Path, portion: str, part: Future[Tally]) -> None:
    if part.cancelled() or part.exception() is not None:
        return
    tally = part.result()
    told = {"figures": tally.figures, "unequal": tally.unequal, "seconds": tally.seconds}
    with file.open("a") as sink:
        sink.write(json.dumps({"portion": portion, **told}) + "\n")
