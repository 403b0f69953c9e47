"""One history from its first move to the verdict, in a database that is as before afterwards."""

from __future__ import annotations

import logging
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.db import transaction
from django.test.utils import override_settings

from billing import reconciliation
from billing.models import Customer
from tests.proofs.histories import judge, strawmen
from tests.proofs.histories.ground import Ground
from tests.proofs.histories.history import History, reconcile, work_off
from tests.proofs.histories.moves import IN_ORDER, Move

# The longest pause between two tries of anything, and a lease that has to end before it.
_LONGEST_PAUSE = timedelta(hours=2)
_A_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is not as it should be in the end (nothing: all is equal), and how it came to that."""

    difference: str
    diary: tuple[str, ...]
    wrong_strawmen: frozenset[str]


@contextmanager
def held() -> Iterator[Ground]:
    """Lay the ground for trials, and take it away afterwards; nothing waits in real time, trouble is not logged."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with override_settings(CHECKOUT_SECONDS_TO_WAIT=0, SYNC_SECONDS_TO_WAIT=0), transaction.atomic():
            yield Ground.laid()
            transaction.set_rollback(True)
    finally:
        logging.disable(before)


def of(
    moves: Sequence[Move], *, ground: Ground, figures: Counter[str] | None = None, is_thorough: bool = True
) -> Verdict:
    """Live through a history, reconcile once, and judge; whatever it wrote is taken back.

    `is_thorough` looks a day further: then invoices and cards are equal too.
    """
    history = History(ground, figures=Counter() if figures is None else figures)
    history.strawmen = strawmen.all_of_them()
    try:
        with transaction.atomic():
            difference = _lived(history, moves, is_thorough=is_thorough)
            transaction.set_rollback(True)
    except Exception:  # noqa: BLE001  whatever breaks is a finding, and has a seed
        difference = traceback.format_exc()
    wrong = frozenset(one.name for one in history.strawmen if one.is_wrong(history.store))
    history.figures.update(wrong)
    history.figures["failures"] += history.http.failed
    return Verdict(difference, tuple(history.diary), wrong)


def _lived(history: History, moves: Sequence[Move], *, is_thorough: bool) -> str:
    history.live(moves)
    history.sandbox.world.faults.clear()
    history.figures["behind"] += bool(judge.mirror_difference(history))
    if found := _unless_lost(history):
        return f"although no news was lost: {found}"
    reconcile(history)
    if found := judge.difference(history):
        return f"after the reconcile: {found}"
    found = judge.difference(history) if work_off(history, later=_LONGEST_PAUSE) else ""
    if found := found or judge.unrest(history):
        return f"after the last worker: {found}"
    return _a_day_later(history) if is_thorough else ""


def _unless_lost(history: History) -> str:
    """Judge a history of which all news arrived: it needs no reconcile, only workers who come round."""
    if history.losses:
        return ""
    history.figures["without a loss"] += 1
    history.do(Move(("deliver", IN_ORDER)))
    work_off(history, later=_LONGEST_PAUSE)
    return judge.difference(history)


def _a_day_later(history: History) -> str:
    """Let the sweep of those looked at longest ago come round, and hold invoices and cards against it as well."""
    later = _LONGEST_PAUSE + _A_DAY + Customer.LEASE
    reconciliation.sweep_stale(now=history.now + later)
    work_off(history, later=later)
    found = judge.unrest(history) or judge.difference(history) or judge.invoice_difference(history)
    return f"a day later: {found}" if found else ""
