"""The arithmetic of the table; the benchmark itself is run on request only."""

from __future__ import annotations

import pytest

from tests.bench import cast, table
from tests.bench.load import Expected, Measured
from tests.bench.rows import Call, Kind, Row

_ANY = Expected(200, "")


def row(call: Call, kind: Kind | None = None) -> Row:
    """Return a row that is asked nothing."""
    return Row("server", call, kind, (), _ANY)


def measured(per_second: float) -> Measured:
    """Return what a row did that answered so often."""
    return Measured(answers=int(per_second), per_second=per_second, p50=1.0, p99=2.0)


def test_ratios_are_taken_inside_a_round() -> None:
    """The machine was half as fast in the second round and a tenth as fast in the third: no ratio changes by it."""
    asked = (row(Call.FLOOR), row(Call.NAIVE, Kind.SUBSCRIBER), row(Call.PEEK, Kind.SUBSCRIBER))
    rounds = tuple(tuple(measured(speed * each) for each in (1000, 50, 3000)) for speed in (1, 0.5, 0.1))
    floor, naive, peek = table.lines_of(asked, rounds)
    assert (floor.per_second, peek.per_second) == (500, 1500)
    assert (floor.to_floor, floor.to_naive) == (1, None)
    assert (naive.to_floor, naive.to_naive) == (0.05, 1)
    assert (peek.to_floor, peek.to_naive) == (3, 60)


def test_a_row_is_compared_with_the_naive_view_for_the_same_reader() -> None:
    asked = (
        row(Call.FLOOR),
        row(Call.NAIVE, Kind.STRANGER),
        row(Call.NAIVE, Kind.METERED),
        row(Call.PEEK, Kind.METERED),
    )
    *_, peek = table.lines_of(asked, (tuple(map(measured, (1000, 400, 100, 200))),))
    assert peek.to_naive == 2


@pytest.mark.parametrize("readers", [1000, 12_345, 200_000, 1_000_000])
def test_those_who_ask_are_many_and_ask_for_every_article(readers: int) -> None:
    subscribers, metered = cast.numbers(readers)
    assert max(subscribers) <= readers // 2 < min(metered)
    assert max(metered) <= readers
    assert len(subscribers) == len(metered) == min(readers // 2, cast.ASKING)
    assert len(set(map(cast.premium, subscribers))) == len(set(map(cast.metered, metered))) == cast.ARTICLES
