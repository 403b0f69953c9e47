"""The proof that an event which nobody can work through is given up, loudly, and holds back no other."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field

from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.outages.poison import Poison
from tests.proofs.outages.sender import Sender, news_of
from tests.proofs.processes.installation import Installation
from tests.proofs.processes.services import wait_until
from tests.proofs.processes.stack import Stack

TRIES = 8
# How many of the tries are made here; the others have been, says the row, and ended as these do.
TRIES_SEEN = extent(ordinary=1, full=TRIES)
SECONDS_FOR_OTHERS = 5.0
# The longest pause before another try, and longer than a dead worker holds an event.
_UNTIL_NEXT_TRY = 3700.0


@dataclass(slots=True)
class Others:
    """Events that could be worked through, if only the poison let them; `waited` is how long each did."""

    installation: Installation
    sender: Sender
    waited: list[float] = field(default_factory=list)

    def arrive(self) -> tuple[str, float]:
        """Let one arrive; return its id and when that was."""
        event = news_of(self.installation.customers[1 + len(self.waited) % 5])
        self.sender.send(event)
        return event["id"], time.monotonic()

    def wait_for(self, event: str, *, since: float) -> None:
        """Wait until one is done, and note how long that took."""
        query = "select 1 from billing_stripeevent where event_id = %s and state = 'done'"
        wait_until(lambda: self.installation.rows(query, event), what=f"{event} to be done", seconds=60)
        self.waited.append(time.monotonic() - since)


def test_r11_poison_is_given_up_and_holds_back_no_other(installation: Installation, figure: Figure) -> None:
    sender = Sender(f"{installation.stack.service}/stripe/webhook/")
    poison, others, kills = Poison(installation), Others(installation, sender), 0
    with poison.spread(sender, tries_behind=TRIES - TRIES_SEEN):
        tries = dict.fromkeys(poison.ids, TRIES - TRIES_SEEN)
        while tries:
            tries = _wait_for_tries(poison, after=tries)
            if 0 < tries.get(poison.deadly["id"], 0) <= TRIES:
                _kill_worker_amid(others)
                kills += 1
            event, arrived = others.arrive()
            others.wait_for(event, since=arrived)
            installation.advance(_UNTIL_NEXT_TRY)
        starts = {"kills": kills, "refused": poison.tries_of_refused(), "trips": poison.tries_of_spoilt()}
    # Told once it is stored, so a moment after it can be seen there.
    with suppress(AssertionError):
        wait_until(lambda: not _silent(poison, installation), what="the alarms", seconds=10)
    silent = _silent(poison, installation)
    figure(
        "R11",
        f"starts {starts}, then {poison.states()} with {len(poison.ids) - len(silent)} alarms; {len(others.waited)} "
        f"others done after at most {max(others.waited):.1f} s",
        target=f"<= {TRIES_SEEN} starts each, dead, 3 alarms, others <= {SECONDS_FOR_OTHERS:.0f} s",
    )
    assert kills == TRIES_SEEN, starts
    assert all(count <= TRIES_SEEN for count in starts.values()), starts
    if TRIES_SEEN == TRIES:  # of one try each a kill may always be first
        assert starts["refused"] + starts["trips"] > 0, "a kill was always first"
    assert poison.states() == {"dead"}
    assert silent == []
    assert max(others.waited) <= SECONDS_FOR_OTHERS


def _silent(poison: Poison, installation: Installation) -> list[str]:
    log = installation.stack.log("worker").read_text()
    return [event for event in poison.ids if f"ERROR billing.inbox: Event {event} is given up" not in log]


def _wait_for_tries(poison: Poison, *, after: dict[str, int]) -> dict[str, int]:
    """Wait until a worker began with the deadly one again, or with any where that one is given up."""
    deadly = poison.deadly["id"]
    watched = [deadly] if deadly in after else list(after)

    def again() -> bool:
        tries = poison.tries()
        return any(tries.get(event) != after[event] for event in watched)

    wait_until(again, what="a worker to try again", seconds=60)
    return poison.tries()


def _kill_worker_amid(others: Others) -> None:
    """Kill the worker at its work, with one more event in its hands, and start it again as a supervisor would."""
    stack = others.installation.stack
    event, _arrived = others.arrive()
    stack.kill("worker")
    before = _times_up(stack)
    stack.start("worker")
    wait_until(lambda: _times_up(stack) > before, what="the worker", seconds=60)
    others.wait_for(event, since=time.monotonic())


def _times_up(stack: Stack) -> int:
    """Return how often a worker said that it takes work."""
    return stack.log("worker").read_text().count(" ready.\n")
