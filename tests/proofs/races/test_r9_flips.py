"""The proof that a right which comes and goes is known with the commit, however fast checks are answered meanwhile."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from django.db import connection, connections

from accounts import clock, shelf
from accounts.models import User
from paywall import entitlements
from paywall.decision.facts import Grant
from tests.factories.accounts import a_reader
from tests.factories.paywall import DAY, article, grant, product
from tests.paywall.express.conftest import Browser, Web
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.processes.services import Redis

FLIPS, ASKERS, ANSWERS_BETWEEN = extent(ordinary=60, full=1_000), 3, 12

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass(frozen=True, slots=True)
class Flip:
    """When a change of the right began and was committed, and whether the reader has it since."""

    began: float
    ended: float
    opens: bool


@dataclass(frozen=True, slots=True)
class Told:
    """When a check was asked and answered, and what it said; whether it cost no SQL."""

    began: float
    ended: float
    opened: bool
    is_express: bool


def test_r9_a_right_that_flips_is_known_with_the_commit(redis: Redis, settings: Any, figure: Figure) -> None:
    settings.REDIS_URL = redis.url
    shelf.forget_trouble()
    yesterday = clock.now() - DAY
    article(published_at=yesterday, stated_at=yesterday)
    product()
    reader = a_reader()
    web = Web()
    told: list[Told] = []
    stopping = threading.Event()
    askers = [
        threading.Thread(target=_ask, args=(web.browser(reader), told, stopping)) for _ in range(ASKERS)
    ]
    for asker in askers:
        asker.start()
    try:
        flips = [_flip(reader, opens=not number % 2, told=told) for number in range(FLIPS)]
    finally:
        stopping.set()
        for asker in askers:
            asker.join(60)
        shelf.forget_trouble()
    wrong = [each for each in told if not _was_so(each, flips)]
    express = sum(each.is_express for each in told)
    figure(
        "R9",
        f"{connection.vendor}: a right that flips {FLIPS} times under {len(told)} checks by {ASKERS} browsers, "
        f"{express} answered without SQL: {len(wrong)} as it was before",
        target="0; a third without SQL",
    )
    assert not wrong, wrong[:3]
    assert express > len(told) / 3


def _ask(browser: Browser, told: list[Told], stopping: threading.Event) -> None:
    try:
        while not stopping.is_set():
            began = time.monotonic()
            answer = browser.check()
            opened = answer.status == HTTPStatus.NO_CONTENT
            told.append(Told(began, time.monotonic(), opened, answer.statements == 0))
    finally:
        connections.close_all()


def _flip(reader: User, *, opens: bool, told: list[Told]) -> Flip:
    """Change the right, then let it be for so many answers."""
    now = clock.now()
    right: tuple[Grant, ...] = (grant(source="proof:r9", starts_at=now - DAY, ends_at=None),) if opens else ()
    began = time.monotonic()
    entitlements.replace(reader, source="proof:r9", grants=right, now=now)
    ended = time.monotonic()
    enough = len(told) + ANSWERS_BETWEEN
    patience = time.monotonic() + 60
    while len(told) < enough and time.monotonic() < patience:
        time.sleep(0.001)  # the askers have to come round: there is nothing to wait on but their answers
    return Flip(began, ended, opens)


def _was_so(told: Told, flips: Sequence[Flip]) -> bool:
    """Whether it was as it was told at any moment between question and answer."""
    before = [flip for flip in flips if flip.ended <= told.began]
    meanwhile = [flip for flip in flips if flip.began <= told.ended and flip.ended > told.began]
    held = before[-1].opens if before else False
    return told.opened in {held, *(flip.opens for flip in meanwhile)}
