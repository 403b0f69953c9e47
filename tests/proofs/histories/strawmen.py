"""The strategies that go wrong: they believe what events say. What disorder does to them shows that there is some."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from billing.sandbox.rendering import show
from billing.sandbox.store import Store

Obj = dict[str, Any]


@dataclass
class Strawman:
    """Keeps of each subscription what an event said of it; `believes` is asked whether it is news (old, new)."""

    name: str
    believes: Callable[[int, int], bool]
    kept: dict[str, tuple[int, Obj]] = field(default_factory=dict)

    def hear(self, event: Obj) -> None:
        """Take an event as it arrives."""
        theirs = event["data"]["object"]
        if theirs["object"] != "subscription":
            return
        known = self.kept.get(theirs["id"])
        if known is None or self.believes(known[0], event["created"]):
            self.kept[theirs["id"]] = (event["created"], theirs)

    def is_wrong(self, store: Store) -> bool:
        """Tell whether what it keeps is not what is there."""
        there = {row["id"]: _matter(show(store, row)) for row in store.all("subscription")}
        return there != {name: _matter(said) for name, (_at, said) in self.kept.items()}


def all_of_them() -> list[Strawman]:
    """Return a fresh one of each kind."""
    return [
        Strawman("on arrival", lambda _old, _new: True),
        Strawman("if newer", lambda old, new: new > old),
        Strawman("if not older", lambda old, new: new >= old),
    ]


def _matter(shown: Obj) -> tuple[Any, ...]:
    """Return what we are held to as well, of a subscription as Stripe shows it."""
    items = sorted((item["price"]["id"], item["current_period_end"]) for item in shown["items"]["data"])
    pause = (shown["pause_collection"] or {}).get("behavior", "")
    ends = (shown["cancel_at"], shown["cancel_at_period_end"], shown["ended_at"])
    return (shown["status"], items, *ends, pause, shown["default_payment_method"])
