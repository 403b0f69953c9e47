"""The proof that Redis may vanish, freeze or forget everything: readers notice nothing, and no work is lost."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import redis
import requests

from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL, extent
from tests.proofs.outages.sender import Sender, news_of
from tests.proofs.outages.traffic import Answer, Call, Traffic, percentile, tally
from tests.proofs.outages.visits import Visits, Web
from tests.proofs.processes.installation import Installation
from tests.proofs.processes.services import listens, wait_until

# A frozen Redis takes long to be given up, and the schedule its time; both only where the proof is run in full.
FAULTS = ("flushed", "refused", "frozen")[: extent(ordinary=2, full=3)]
ROUNDS = extent(ordinary=1, full=2)
# Answers to wait for in each phase.
QUIET, UNDER_FAULT = extent(ordinary=40, full=250), extent(ordinary=60, full=300)
SECONDS_TO_CATCH_UP, SECONDS_TO_RECOVER = 30.0, 60.0
# Below this a difference is the machine's, not ours.
NOISE = extent(ordinary=100, full=50) / 1000
ACCESS = {"payer opens", "stranger opens", "payer looks"}


@dataclass(slots=True)
class Trial:
    """Traffic, and what became of the work it left, fault by fault; `caught_up` is in seconds."""

    installation: Installation
    traffic: Traffic
    visits: Visits
    caught_up: dict[str, float] = field(default_factory=dict)
    ready: dict[str, tuple[str, float]] = field(default_factory=dict)
    forgotten: int = 0

    def run(self, fault: str, *, within: float) -> None:
        """Go through a quiet time, then one under a fault, then let the workers catch up."""
        with self.traffic.flowing():
            self.traffic.wait_for(QUIET, phase="quiet")
            with _FAULTS[fault](self):
                self.traffic.wait_for(UNDER_FAULT, phase=fault)
                self.ready[fault] = self._readiness()
        healed = time.monotonic()
        self.installation.wait_for_work(seconds=within)
        wait_until(lambda: self._readiness()[0] == "ok", what="the broker to be seen again", seconds=within)
        self.caught_up[fault] = max(self.caught_up.get(fault, 0.0), time.monotonic() - healed)

    def _readiness(self) -> tuple[str, float]:
        """Return what `/health/ready` says of the broker, and how long it took to say it."""
        with requests.Session() as session:
            began = time.monotonic()
            told = self.visits.process_is_ready(every=1).ask(session).json()
        assert told["database"] == told["cache"] == "ok", told
        return told["broker"], time.monotonic() - began


def test_r4_redis_refused_frozen_and_flushed(installation: Installation, figure: Figure) -> None:
    visits = Visits(Web(installation.stack.service), installation)
    sender = Sender(f"{installation.stack.service}/stripe/webhook/")
    trial = Trial(installation, Traffic(_calls(visits, sender)), visits)
    for fault in FAULTS * ROUNDS:
        trial.run(fault, within=SECONDS_TO_CATCH_UP if fault == "flushed" else SECONDS_TO_RECOVER)
    if IS_FULL:
        trial.caught_up["by schedule alone"] = _seconds_without_relay(installation, sender)
    answers = trial.traffic.answers
    quiet = percentile(_access(answers, "quiet"), 0.99)
    slow = {fault: percentile(_access(answers, fault), 0.99) for fault in FAULTS}
    figure(
        "R4",
        f"{len(answers)} calls of {len(trial.traffic.calls)} kinds, {len(_access(answers))} for access: wrong "
        f"{tally(answers)}; access p99 quiet {quiet * 1000:.0f} ms, {_ms(slow)}; ready says {_told(trial.ready)}; "
        f"{trial.forgotten} messages flushed; all done after {_seconds(trial.caught_up)}",
        target=f"0 wrong, p99 <= max(2 x quiet, {NOISE * 1000:.0f} ms), flushed <= {SECONDS_TO_CATCH_UP:.0f} s, "
        f"others <= {SECONDS_TO_RECOVER:.0f} s",
    )
    assert trial.forgotten > 0, "nothing was lost by flushing"
    assert tally(answers) == {}
    assert max(slow.values()) <= max(2 * quiet, NOISE)
    assert trial.ready["flushed"][0] == "ok"
    assert {trial.ready[fault][0] for fault in FAULTS[1:]} == {"unreachable"}
    assert max(seconds for _, seconds in trial.ready.values()) <= 3.0
    assert all(installation.stack.is_alive(name) for name in ("worker", "relay", "schedule"))


def _calls(visits: Visits, sender: Sender) -> list[Call]:
    return [
        visits.payer_opens(every=0.05),
        visits.stranger_opens(every=0.1),
        visits.payer_in_browser_looks(every=0.1),
        visits.stripe_tells(sender, every=0.1),
        visits.reader_checks_out(every=1.0),
        visits.reader_signs_in(every=3.0),
        visits.reader_asks_for_code(every=1.0),
        visits.reader_sees_page("/account/", who="payer cookie", every=0.5),
    ]


@contextmanager
def _refused(trial: Trial) -> Iterator[None]:
    server = trial.installation.redis
    server.kill()
    assert not listens(server.port)
    try:
        yield
    finally:
        server.start()


@contextmanager
def _frozen(trial: Trial) -> Iterator[None]:
    trial.installation.redis.freeze()
    try:
        yield
    finally:
        trial.installation.redis.thaw()


@contextmanager
def _flushed(trial: Trial) -> Iterator[None]:
    """Lose every message that a busy worker has not taken yet."""
    stack, server = trial.installation.stack, trial.installation.redis
    stack.kill("worker", number=signal.SIGSTOP)
    try:
        yield
        with redis.Redis(port=server.port) as client:
            wait_until(lambda: client.llen("paywall"), what="messages in the queue")
            trial.forgotten += int(client.llen("paywall"))
        server.flush()
    finally:
        stack.kill("worker", number=signal.SIGCONT)


_FAULTS: dict[str, Callable[[Trial], object]] = {"flushed": _flushed, "refused": _refused, "frozen": _frozen}


def _seconds_without_relay(installation: Installation, sender: Sender) -> float:
    """Let an event arrive while the relay stands still: the schedule found its way back to Redis too."""
    installation.stack.kill("relay", number=signal.SIGSTOP)
    try:
        sender.send(news_of(installation.customers[0]))
        began = time.monotonic()
        installation.wait_for_work(seconds=SECONDS_TO_RECOVER)
        return time.monotonic() - began
    finally:
        installation.stack.kill("relay", number=signal.SIGCONT)


def _access(answers: list[Answer], phase: str | None = None) -> list[Answer]:
    return [answer for answer in answers if answer.call in ACCESS and phase in {None, answer.phase}]


def _ms(times: dict[str, float]) -> str:
    return ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in times.items())


def _seconds(times: dict[str, float]) -> str:
    return ", ".join(f"{name} {seconds:.0f} s" for name, seconds in times.items())


def _told(ready: dict[str, tuple[str, float]]) -> str:
    return ", ".join(f"{name} {told} in {seconds:.1f} s" for name, (told, seconds) in ready.items())
