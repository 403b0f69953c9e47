"""What every part of the sandbox shares: the store, the clock, the names, and the news of what happens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from stripe import api_version

from .clock import HOUR, Clock
from .faults import Faults
from .ids import Ids
from .rendering import show
from .store import Obj, Store

API_VERSION = api_version


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How the simulated Stripe account is set up.

    `retry_days` are the days from one failed charge to the next try. `after_last_retry` is one of `cancel`, `unpaid`,
    `past_due`. A renewal invoice stays a draft for `draft_seconds`. `public_url` is where browsers find the sandbox.
    """

    retry_days: tuple[int, ...] = (3, 5, 7)
    after_last_retry: str = "cancel"
    draft_seconds: int = HOUR
    incomplete_hours: int = 23
    upcoming_days: int = 7
    public_url: str = "http://localhost:8002"


@dataclass(frozen=True, slots=True)
class Cause:
    """The API request that is being served; an event that nobody asked for has neither id nor key."""

    request_id: str | None = None
    idempotency_key: str | None = None


@dataclass(slots=True, kw_only=True)
class World:
    """The state of one sandbox. Its owner's lock must be held by whoever reads or writes it."""

    store: Store
    clock: Clock
    ids: Ids
    faults: Faults
    policy: Policy
    on_event: Callable[[Obj], None]
    cause: Cause = field(default_factory=Cause)

    def now(self) -> int:
        return self.clock.now()

    def emit(self, type_: str, obj: Obj, *, previous: Obj | None = None) -> None:
        """Record an event that carries `obj` as it is at this moment, and send it to the webhook endpoints."""
        data: Obj = {"object": show(self.store, obj)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.store.add(
            {
                "id": self.ids.new("evt"),
                "object": "event",
                "api_version": API_VERSION,
                "created": self.now(),
                "data": data,
                "livemode": False,
                "pending_webhooks": 0,
                "request": {"id": self.cause.request_id, "idempotency_key": self.cause.idempotency_key},
                "type": type_,
            }
        )
        self.on_event(event)

    @contextmanager
    def changing(self, obj: Obj, type_: str) -> Iterator[Obj]:
        """Emit `type_` with `previous_attributes` after the block, if it changed what the API shows of `obj`."""
        before = show(self.store, obj)
        yield obj
        self.store.touch()
        previous = _difference(before, show(self.store, obj))
        if previous:
            self.emit(type_, obj, previous=previous)


def _difference(before: Obj, after: Obj) -> Obj:
    """Return what `before` had where `after` differs: one level into plain objects, lists whole, as Stripe does."""
    changed: Obj = {}
    for key in before.keys() | after.keys():
        old, new = before.get(key), after.get(key)
        if old == new:
            continue
        if isinstance(old, dict) and isinstance(new, dict) and old.get("object") != "list":
            changed[key] = {
                name: old.get(name) for name in old.keys() | new.keys() if old.get(name) != new.get(name)
            }
        else:
            changed[key] = old
    return dict(sorted(changed.items()))
