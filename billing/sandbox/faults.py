"""What is told to go wrong: rules that match by pattern, each for so many times.

A rule aims at API requests (`POST /v1/invoices/*/pay`), at webhooks (an event type such as `invoice.*`), or at
charges (a customer id). Patterns are shell globs.
"""

from __future__ import annotations

import fnmatch
import threading
from dataclasses import asdict, dataclass
from typing import Any

KINDS = {
    "api": ("status", "slow", "drop_request", "drop_response"),
    "webhook": ("duplicate", "reorder", "delay", "drop", "bad_signature", "stale_signature"),
    "charge": ("decline",),
    "finalize": ("tax_location",),
}


@dataclass(slots=True)
class Fault:
    """One rule. `left` counts down to nothing with each match.

    `status` is the answer of a `status` fault; `recorded` lets an idempotency key keep that answer; `seconds` is the
    length of a `slow`, `delay` or `reorder`; `decline_code` is why a charge fails. A `drop_request` cuts the connection
    before anything is done, a `drop_response` after all of it.
    """

    target: str
    kind: str
    match: str = "*"
    left: int = 1
    status: int = 500
    recorded: bool = False
    seconds: float = 2.0
    decline_code: str = "generic_decline"


def fault_from(document: dict[str, Any]) -> Fault:
    """Read a rule from JSON; `count` is how often it applies.

    :raises ValueError: an unknown target, kind or field.
    """
    fields = dict(document)
    fields["left"] = fields.pop("count", 1)
    try:
        fault = Fault(**fields)
    except TypeError as error:
        raise ValueError(str(error)) from None
    if fault.kind not in KINDS.get(fault.target, ()):
        raise ValueError(f"no such fault: target {fault.target!r}, kind {fault.kind!r}; known: {KINDS}")
    return fault


class Faults:
    """The rules in force. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(self, fault: Fault) -> None:
        with self._lock:
            self._rules.append(fault)

    def clear(self) -> None:
        with self._lock:
            self._rules.clear()

    def take(self, target: str, subject: str) -> Fault | None:
        """Return the first rule that matches, and use it up once."""
        with self._lock:
            for fault in self._rules:
                if fault.target == target and fault.left > 0 and fnmatch.fnmatchcase(subject, fault.match):
                    fault.left -= 1
                    return fault
        return None

    def listed(self) -> list[dict[str, Any]]:
        """Return the rules that still apply, as JSON."""
        with self._lock:
            return [asdict(fault) for fault in self._rules if fault.left > 0]
