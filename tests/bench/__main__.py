"""The benchmark of the access check: `python3 manage.py test bench`."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from types import FrameType

from tests.bench import cores, load, plan, rounds, stages, table
from tests.bench.load import WrongAnswer
from tests.bench.plan import Database, Plan
from tests.bench.rounds import Outcome


def main(arguments: Sequence[str]) -> int:
    """Print a table for each database and number of readers; return 0 if every answer was right."""
    asked = plan.of(arguments)
    if load.program() is None:
        _say("There is no wrk, which makes the load (apt install wrk).")
        return 1
    cores.leave_the_servers()
    # So that what was started is ended, however the run is.
    signal.signal(signal.SIGTERM, _end)
    _say(
        f"{asked.rounds} rounds of {asked.seconds} s for each row, asked for {asked.warm} s before, "
        f"{asked.clients} clients, {asked.threads} threads a server; {cores.told()}; "
        f"load average {os.getloadavg()[0]:.1f}"
    )
    began = time.monotonic()
    try:
        answers = sum(_answers(outcome) for outcome in _outcomes(asked))
    except WrongAnswer as wrong:
        _say(f"Wrong: {wrong}")
        return 1
    _say(f"\nAll of {answers:,} answers were right. {(time.monotonic() - began) / 60:.0f} minutes.")
    return 0


def _outcomes(asked: Plan) -> Iterator[Outcome]:
    for database in asked.databases:
        if (wanted := stages.missing(database)) is not None:
            _say(f"\n{database} is left out: there is no {wanted}.")
            continue
        for readers in asked.readers:
            yield _outcome(database, readers, asked)


def _outcome(database: Database, readers: int, asked: Plan) -> Outcome:
    began = time.monotonic()
    with stages.stage(database, readers=readers) as stage:
        _note(f"{stage.title}: seeded in {time.monotonic() - began:.0f} s")
        outcome = rounds.run(stage, plan=asked, say=_note)
    _say(f"\n{table.of(outcome)}")
    return outcome


def _answers(outcome: Outcome) -> int:
    return sum(measured.answers for each in outcome.rounds for measured in each)


def _end(number: int, frame: FrameType | None) -> None:
    sys.exit(128 + number)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _note(text: str) -> None:
    """Say how far it is, beside the tables."""
    sys.stderr.write(f"· {text}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
