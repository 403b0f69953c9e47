"""The table: medians over the rounds, and ratios that were taken inside each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

from tests.bench.rounds import Outcome, Round
from tests.bench.rows import Call, Kind, Row

_HEADINGS = ("requests/s", "p50 ms", "p99 ms", "x floor", "x naive")


@dataclass(frozen=True, slots=True)
class Line:
    """A row as measured. `to_naive` is against the naive view for the same kind of reader; the floor has none."""

    per_second: float
    p50: float
    p99: float
    to_floor: float
    to_naive: float | None


def of(outcome: Outcome) -> str:
    """Return an outcome as text."""
    lines = [outcome.title, _aligned("", *_HEADINGS)]
    shown = ""
    for row, line in zip(outcome.rows, lines_of(outcome.rows, outcome.rounds), strict=True):
        if row.call not in {Call.FLOOR, Call.NAIVE, Call.TOKEN} and row.server != shown:
            shown = row.server
            lines.append(f"  {shown}")
        naive = "" if line.to_naive is None else f"{line.to_naive:.2f}"
        numbers = (
            f"{line.per_second:,.0f}",
            f"{line.p50:.2f}",
            f"{line.p99:.2f}",
            f"{line.to_floor:.3f}",
            naive,
        )
        lines.append(_aligned(_name(row), *numbers))
    return "\n".join([*lines, *_memory(outcome)])


def lines_of(rows: tuple[Row, ...], rounds: tuple[Round, ...]) -> Iterator[Line]:
    """Yield a line for each row: the median of what it did, and of its ratios to what others did in the same round."""
    (floor,) = (number for number, row in enumerate(rows) if row.call is Call.FLOOR)
    naive = {row.kind: number for number, row in enumerate(rows) if row.call is Call.NAIVE}
    for number, row in enumerate(rows):
        other = naive.get(row.kind)
        yield Line(
            per_second=median(each[number].per_second for each in rounds),
            p50=median(each[number].p50 for each in rounds),
            p99=median(each[number].p99 for each in rounds),
            to_floor=_ratio(rounds, number, floor),
            to_naive=None if other is None else _ratio(rounds, number, other),
        )


def _ratio(rounds: tuple[Round, ...], one: int, other: int) -> float:
    return median(each[one].per_second / each[other].per_second for each in rounds)


def _memory(outcome: Outcome) -> Iterator[str]:
    resident = ", ".join(f"{name} {size:.0f} MB" for name, size in outcome.megabytes.items())
    yield f"  resident memory: {resident}"
    if outcome.redis_bytes is not None:
        yield f"  Redis: {outcome.redis_bytes:.0f} bytes for each reader who asked"


def _name(row: Row) -> str:
    kind: Kind | str = row.kind or ""
    if row.call in {Call.FLOOR, Call.NAIVE, Call.TOKEN}:
        return f"  {row.call}{', ' if kind else ''}{kind}"
    return f"    {kind}: {row.call}"


def _aligned(name: str, *numbers: str) -> str:
    return f"{name:<42}" + "".join(f"{number:>12}" for number in numbers)
