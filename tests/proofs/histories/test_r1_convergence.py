"""The proof: whatever happened at Stripe, and whatever became of the news of it, we end equal after one reconcile.

Each history is a reader's life at the sandbox: bought, renewed, failed, fixed, cancelled, deleted … much of it in one
second, while events are lost, doubled, late and in any order, calls of ours fail before or after their effect, answers
are so slow that the world or another worker overtakes a look, and workers die.

`HISTORIES=500 HISTORY_SEED=1` says how many, and from which seed; `HISTORY='buy …; deliver …'` lives through one that
was printed. With `HISTORY_FILE=…` many are written down as they end, and a run that was ended goes on where it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import pytest
from django.db import connection, transaction

from tests.proofs.conftest import Figure
from tests.proofs.histories import crowd, moves, shrinking, strawmen, trial
from tests.proofs.histories.beside import GIVEN, HISTORIES, SEEDS
from tests.proofs.histories.crowd import Crowd, Tally
from tests.proofs.histories.ground import Ground
from tests.proofs.histories.history import History
from tests.proofs.histories.moves import IN_ORDER, Move


@pytest.mark.django_db
def test_r1_every_history_ends_equal_after_one_reconcile(histories: Crowd | None, figure: Figure) -> None:
    if GIVEN:
        assert not _failure(GIVEN), _told(GIVEN)
        return
    told = partial(figure, "R1", target="no unequal")
    tally = histories.tally(told=told) if histories else crowd.live(SEEDS)
    place = "sqlite in each process" if histories else connection.vendor
    figure(
        "R1",
        f"{place}: {_line(tally)}",
        target="all equal; who believes events as they arrive is wrong in 5 % or more",
    )
    assert not tally.unequal, _report(tally)
    if HISTORIES >= 50:  # fewer may happen to have little disorder
        assert tally.figures["on arrival"] >= HISTORIES / 20


@pytest.mark.django_db
def test_r1_a_history_that_fails_is_shrunk_to_the_moves_that_it_needs(figure: Figure) -> None:
    """Whoever believes events as they arrive is wrong for a reason: two moves, or little more."""
    with trial.held() as ground:
        seed = next(seed for seed in range(1, 100) if _fools_the_first(moves.of(seed), ground=ground))
        long = moves.of(seed)
        short = shrinking.shrunk(long, fails=lambda some: _fools_the_first(some, ground=ground))
        figure(
            "R1",
            f"seed {seed} shrunk from {len(long)} moves to {len(short)}: {moves.written(short)}",
            target="at most 6, each needed",
        )
        assert _fools_the_first(short, ground=ground)
        assert not any(
            _fools_the_first(short[:at] + short[at + 1 :], ground=ground) for at in range(len(short))
        )
    assert 0 < len(short) <= 6
    assert moves.read(moves.written(long)) == long


def _fools_the_first(some: Sequence[Move], *, ground: Ground) -> bool:
    """Tell whether these moves lead the first strawman astray; our workers need not be there for it."""
    believer = strawmen.all_of_them()[0]
    history = History(ground, strawmen=[believer])
    with transaction.atomic():
        history.live(move for move in some if move.words[0] not in {"work", "replay", "die"})
        history.do(Move(("deliver", IN_ORDER)))
        transaction.set_rollback(True)
    return believer.is_wrong(history.store)


def _line(tally: Tally) -> str:
    count = tally.figures
    share = {one.name: f"{count[one.name] / HISTORIES:.0%}" for one in strawmen.all_of_them()}
    return (
        f"{HISTORIES - len(tally.unequal)} of {HISTORIES} histories equal after one reconcile ({count['behind']} were "
        f"behind before it, {count['without a loss']} lost no news and needed none); {count['changes']} changes, "
        f"{count['changes in one second']} of them in the second of the one before; {count['events']} events, "
        f"{count['lost']} lost, {count['doubled']} doubled; {count['looks']} looks, {count['slow answers']} slow "
        f"answers, {count['overtaken']} overtaken, {count['failures']} calls that failed, {count['deaths']} deaths; "
        f"wrong who believes events: {share}; {tally.seconds / HISTORIES:.3f} s of CPU each, {tally.elapsed:.0f} s"
    )


def _report(tally: Tally) -> str:
    """Name every seed that failed, and tell the first of them in as few moves as it needs."""
    seeds = [f"HISTORIES=1 HISTORY_SEED={seed}: {found}" for seed, found in sorted(tally.unequal.items())]
    first = moves.of(min(tally.unequal))
    short = shrinking.shrunk(first, fails=lambda some: bool(_failure(some))) if _failure(first) else first
    return "\n".join(
        [*seeds[:50], f"The first, shrunk from {len(first)} moves to {len(short)}:", _told(short)]
    )


def _told(some: Sequence[Move]) -> str:
    verdict = _tried(some)
    again = f"HISTORY='{moves.written(some)}' python3 manage.py test proofs -k r1_every"
    return "\n".join([*verdict.diary, verdict.difference, f"Again: {again}"])


def _failure(some: Sequence[Move]) -> str:
    return _tried(some).difference


def _tried(some: Sequence[Move]) -> trial.Verdict:
    with trial.held() as ground:
        return trial.of(some, ground=ground)
