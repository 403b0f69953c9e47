"""From a history that fails to the few moves that it fails by: delta debugging."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.proofs.histories.moves import Move

Moves = list[Move]


def shrunk(moves: Moves, *, fails: Callable[[Moves], bool]) -> Moves:
    """Return a part of `moves` that still fails, of which no single move can be left out or made simpler."""
    least, found = moves, True
    while found:
        found = False
        for candidate in _candidates(least):
            if fails(candidate):
                least, found = candidate, True
                break
    return least


def _candidates(moves: Moves) -> Iterator[Moves]:
    """Yield what is left without a half, a quarter … a single move; then the same with one move made simpler."""
    size = (len(moves) + 1) // 2
    while size:
        for start in range(0, len(moves), size):
            yield moves[:start] + moves[start + size :]
        size //= 2
    for at, move in enumerate(moves):
        for simpler in move.simpler():
            yield [*moves[:at], simpler, *moves[at + 1 :]]
