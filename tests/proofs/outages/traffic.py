"""Callers who keep asking at a steady pace; each answer is judged, timed and noted."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import requests

from tests.proofs.processes.services import wait_until

# A caller gives up after this long; far beyond what any answer may take.
_PATIENCE = 30.0

Ask = Callable[[requests.Session], requests.Response]


@dataclass(frozen=True, slots=True)
class Call:
    """One kind of call. `judge` says what is wrong with an answer, in a word, and "" where nothing is."""

    name: str
    ask: Ask
    judge: Callable[[requests.Response], str]
    every: float = 0.1


@dataclass(frozen=True, slots=True)
class Answer:
    """What one call got. `status` is 0 where no answer came."""

    call: str
    phase: str
    began: float
    seconds: float
    status: int
    wrong: str
    retry_after: bool


@dataclass(slots=True)
class Traffic:
    """One caller per kind of call; `phase` is noted with every answer that was asked for in it."""

    calls: Sequence[Call]
    phase: str = ""
    answers: list[Answer] = field(default_factory=list)
    _stopping: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def flowing(self) -> Iterator[None]:
        """Let all callers ask until the block ends."""
        self._stopping.clear()
        callers = [threading.Thread(target=self._keep_asking, args=(call,)) for call in self.calls]
        for caller in callers:
            caller.start()
        try:
            yield
        finally:
            self._stopping.set()
            for caller in callers:
                caller.join()

    def wait_for(self, count: int, *, phase: str) -> None:
        """Begin a phase, and wait until so many answers to calls made in it have come."""
        self.phase = phase
        seen = len(self.answers)
        wait_until(
            lambda: sum(answer.phase == phase for answer in self.answers[seen:]) >= count,
            what=f"{count} answers while {phase}", seconds=120,
        )  # fmt: skip

    def _keep_asking(self, call: Call) -> None:
        with requests.Session() as session:
            while not self._stopping.is_set():
                answer = _ask(call, session, phase=self.phase)
                self.answers.append(answer)
                self._stopping.wait(max(0.0, call.every - answer.seconds))


def percentile(answers: Iterable[Answer], share: float) -> float:
    """Return how long all but the slowest took, in seconds."""
    times = sorted(answer.seconds for answer in answers)
    return times[min(len(times) - 1, int(len(times) * share))]


def tally(answers: Iterable[Answer]) -> dict[str, int]:
    """Count answers by what is wrong with them."""
    return dict(Counter(f"{answer.call}: {answer.wrong}" for answer in answers if answer.wrong))


def _ask(call: Call, session: requests.Session, *, phase: str) -> Answer:
    began = time.monotonic()
    try:
        answer = call.ask(session)
        status, wrong, retry_after = answer.status_code, call.judge(answer), "Retry-After" in answer.headers
    except requests.RequestException as error:
        status, wrong, retry_after = 0, type(error).__name__, False
    return Answer(call.name, phase, began, time.monotonic() - began, status, wrong, retry_after)


def ask(session: requests.Session, method: str, address: str, **options: object) -> requests.Response:
    """Make one call, keeping no cookies and following no redirects: every call stands for itself."""
    session.cookies.clear()
    return session.request(method, address, timeout=_PATIENCE, allow_redirects=False, **options)  # type: ignore[arg-type]
