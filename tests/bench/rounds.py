"""Measures: each row once in every round, so that whatever the machine is busy with meets all of them alike."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from redis import Redis as Client

from tests.bench import cores, load, rows
from tests.bench.load import Expected, Measured
from tests.bench.plan import Plan
from tests.bench.rows import KEPT, Call, Kind, Row
from tests.bench.servers import Server, serving
from tests.bench.stages import Stage
from tests.proofs.processes.stack import ROOT

_TRIED = 25  # requests of each row, before any is measured
# Who asks for the first time is dear; beyond so many seconds a row is measured with some of them.
_LONGEST_WARM = 40
# One round: what each row did, in the order of the rows.
Round = tuple[Measured, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """All that was measured on a stage. `megabytes` by server; `redis_bytes` for each reader who asked."""

    title: str
    rows: tuple[Row, ...]
    rounds: tuple[Round, ...]
    megabytes: Mapping[str, float]
    redis_bytes: float | None


def run(stage: Stage, *, plan: Plan, say: Callable[[str], None]) -> Outcome:
    """Try every row, then measure all of them, round by round.

    :raises WrongAnswer: a server answered what it should not.
    """
    asked = (
        rows.floor(stage.asking),
        *rows.naive(stage.asking_naive),
        *(row for name in stage.ours for row in rows.ours(name, stage.asking)),
    )
    with serving(*stage.programs, threads=plan.threads, folder=stage.folder) as servers:
        for row in asked:
            load.attempt(row.requests[:_TRIED], port=servers[row.server].port, expected=row.expected)
        redis_bytes = _redis_bytes(stage, servers)
        files = [
            load.write(row.requests, stage.folder / f"{number}.requests") for number, row in enumerate(asked)
        ]
        edge = _Edge(stage)
        done = []
        for number in range(plan.rounds):
            say(f"round {number + 1} of {plan.rounds}")
            answers = _round(asked, files, servers, plan=plan, is_backwards=number % 2 == 1, stage=stage)
            done.append((*answers, edge.measure(seconds=plan.seconds)))
        megabytes = {name: server.megabytes for name, server in servers.items()}
    return Outcome(stage.title, (*asked, edge.row), tuple(done), megabytes, redis_bytes)


def _round(
    asked: Sequence[Row],
    files: Sequence[Path],
    servers: Mapping[str, Server],
    *,
    plan: Plan,
    stage: Stage,
    is_backwards: bool,
) -> Round:
    """Measure each row once, every other time from the last to the first, which takes out most of a drift."""
    order = range(len(asked))
    found = {
        number: _measured(
            asked[number],
            files[number],
            port=servers[asked[number].server].port,
            plan=plan,
            is_kept=asked[number].server in stage.keeping and asked[number].call in KEPT,
        )
        for number in (reversed(order) if is_backwards else order)
    }
    return tuple(found[number] for number in order)


def _measured(row: Row, requests: Path, *, port: int, plan: Plan, is_kept: bool) -> Measured:
    ask = partial(load.measure, requests, port=port, expected=row.expected, clients=plan.clients)
    if plan.warm:
        _warm(ask, seconds=plan.warm, wanted=len(row.requests) if is_kept else 1)
    said = ask(seconds=plan.seconds)
    # The server goes on with what the clients no longer wait for. The next row must neither stand behind it in the
    # queue nor share the core with it: whoever asks now comes after it.
    load.attempt(row.requests[: plan.threads], port=port, expected=row.expected)
    return said


def _warm(ask: Callable[..., Measured], *, seconds: int, wanted: int) -> None:
    """Ask for so many seconds, and on until so many were answered: whatever is kept of those who ask is there then."""
    answered = passed = 0
    while answered < wanted and passed < _LONGEST_WARM:
        answered += ask(seconds=seconds, first=answered).answers
        passed += seconds


class _Edge:
    """The row of those who ask nobody: access tokens checked where they are shown."""

    row = Row("edge", Call.TOKEN, Kind.SUBSCRIBER, (), Expected(200, ""))

    def __init__(self, stage: Stage) -> None:
        self._file = stage.folder / "cast.json"
        self._file.write_text(stage.asking.to_json(), encoding="utf-8")

    def measure(self, *, seconds: int) -> Measured:
        """Check tokens for so many seconds, on the servers' core."""
        command = [sys.executable, "-m", "tests.bench.passes", str(self._file), str(seconds)]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
        cores.give_the_servers(process)
        said, _ = process.communicate(timeout=seconds + 60)
        return Measured(*json.loads(said))


def _redis_bytes(stage: Stage, servers: Mapping[str, Server]) -> float | None:
    """Return what Redis keeps for each reader, once they have asked: whatever it is that it keeps.

    Counted over those who had not asked before.
    """
    if stage.redis is None:
        return None
    port = servers[stage.ours[0]].port
    fresh = [
        row
        for row in rows.ours(stage.ours[0], stage.asking)
        if row.call is Call.PEEK and row.kind is not Kind.STRANGER
    ]
    requests = [request for row in fresh for request in row.requests[_TRIED:]]
    before = _kept(stage.redis)
    for request in requests:
        load.ask(request, port=port)
    return (_kept(stage.redis) - before) / len(requests)


def _kept(redis: Client) -> int:
    """Return the bytes of what is stored: without the buffers of connections, which come and go."""
    memory = redis.info("memory")
    return int(memory["used_memory"]) - int(memory["mem_clients_normal"])
