"""Events that nobody can work through: one whose workers die of it, one that Stripe refuses, one that trips up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.proofs.outages.sender import Sender, an_event, news_of
from tests.proofs.processes.installation import Installation

_DEADLY, _REFUSED = "GET /v1/payment_methods/pm_deadly", "GET /v1/payment_methods/pm_refused"
# How long the deadly event keeps its worker busy, so that it can be found at it.
_SECONDS_AT_IT = 6.0
_OFTEN = 1000

# A fault of the database's own: this row cannot be marked as done. The sequence counts the tries, also those undone.
_SPOIL = """
create sequence spoilt_tries;
create function spoil() returns trigger language plpgsql as $$
begin
    perform nextval('spoilt_tries');
    raise exception 'This row is spoilt.';
end $$;
create trigger spoilt before update on billing_stripeevent for each row
    when (new.event_id = '{event}' and new.state = 'done') execute function spoil();
"""
_MEND = "drop trigger spoilt on billing_stripeevent; drop function spoil(); drop sequence spoilt_tries;"


@dataclass(slots=True)
class Poison:
    """The three events, and how often each was tried, as counted outside of the service where that is possible."""

    installation: Installation
    deadly: dict[str, Any] = field(default_factory=lambda: _about("pm_deadly"))
    refused: dict[str, Any] = field(default_factory=lambda: _about("pm_refused"))
    spoilt: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.spoilt = news_of(self.installation.customers[0])

    @property
    def ids(self) -> list[str]:
        """The three."""
        return [event["id"] for event in (self.deadly, self.refused, self.spoilt)]

    @contextmanager
    def spread(self, sender: Sender, *, tries_behind: int) -> Iterator[None]:
        """Let the three arrive, with so many tries behind them; take the faults away afterwards."""
        control = self.installation.stack.control
        control("faults", target="api", kind="slow", seconds=_SECONDS_AT_IT, match=_DEADLY, count=_OFTEN)
        control("faults", target="api", kind="status", status=400, match=_REFUSED, count=_OFTEN)
        self.installation.execute(_SPOIL.format(event=self.spoilt["id"]))
        try:
            self.installation.stack.kill("worker")
            for event in (self.refused, self.spoilt, self.deadly):
                sender.send(event)
            self.installation.execute(
                "update billing_stripeevent set attempts = %s where event_id = any(%s)",
                tries_behind,
                self.ids,
            )
            self.installation.stack.start("worker")
            yield
        finally:
            requests.delete(f"{self.installation.stack.sandbox}/_control/faults", timeout=30)
            self.installation.execute(_MEND)

    def tries(self) -> dict[str, int]:
        """Return how often a worker began with each that is not given up yet, say the rows."""
        query = "select event_id, attempts from billing_stripeevent where state = 'received' and event_id = any(%s)"
        return dict(self.installation.rows(query, self.ids))

    def tries_of_refused(self) -> int:
        """Return how often Stripe was asked about the refused one."""
        faults = requests.get(f"{self.installation.stack.sandbox}/_control/faults", timeout=30).json()[
            "faults"
        ]
        return _OFTEN - next(fault["left"] for fault in faults if fault["match"] == _REFUSED)

    def tries_of_spoilt(self) -> int:
        """Return how often somebody tried to mark the spoilt one as done."""
        ((last, is_used),) = self.installation.rows("select last_value, is_called from spoilt_tries")
        return int(last) if is_used else 0

    def states(self) -> set[str]:
        """Return what became of them."""
        query = "select distinct state from billing_stripeevent where event_id = any(%s)"
        return {state for (state,) in self.installation.rows(query, self.ids)}


def _about(card: str) -> dict[str, Any]:
    """Return an event that does not say whose it is, so that Stripe has to be asked."""
    return an_event({"id": card, "object": "payment_method"}, kind="payment_method.updated")
