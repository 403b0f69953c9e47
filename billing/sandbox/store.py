"""Everything the sandbox knows, in memory: Stripe objects as the dicts that the API shows.

A key that begins with `_` is a note of ours and is never shown. Related objects are kept by id.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from .errors import ApiError, missing

Obj = dict[str, Any]

# What Stripe calls an object in an error, where that is not the object's own name.
_SPOKEN = {
    "payment_method": "PaymentMethod",
    "coupon": "coupon",
    "checkout.session": "checkout session",
}


class Store:
    """Objects by kind and id, in the order they were made."""

    def __init__(self) -> None:
        self.kinds: dict[str, dict[str, Obj]] = {}
        self.version = 0

    def add(self, obj: Obj) -> Obj:
        """Keep a new object and return it."""
        self.kinds.setdefault(obj["object"], {})[obj["id"]] = obj
        self.touch()
        return obj

    def touch(self) -> None:
        """Note that something changed: what was worked out from the old state must be worked out again."""
        self.version += 1

    def drop(self, obj: Obj) -> None:
        """Forget an object."""
        del self.kinds[obj["object"]][obj["id"]]
        self.touch()

    def all(self, kind: str) -> Iterator[Obj]:
        """Yield every object of a kind, oldest first. Objects may be added meanwhile."""
        yield from list(self.kinds.get(kind, {}).values())

    def find(self, kind: str, identifier: str | None) -> Obj | None:
        return self.kinds.get(kind, {}).get(identifier) if identifier else None

    def get(self, kind: str, identifier: str, *, param: str = "id") -> Obj:
        """Return an object.

        :raises ApiError: `resource_missing`, as Stripe words it.
        """
        found = self.find(kind, identifier)
        if found is None:
            raise missing(_SPOKEN.get(kind, kind), identifier, param=param)
        return found

    def find_any(self, identifier: str) -> Obj | None:
        """Return the object with this id, whatever its kind."""
        for table in self.kinds.values():
            if identifier in table:
                return table[identifier]
        return None


def page(rows: list[Obj], *, params: dict[str, Any], url: str) -> Obj:
    """Return one page of `rows` (given oldest first) as Stripe's list object, newest first.

    :raises ApiError: an odd `limit`, or a cursor that is not there.
    """
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise ApiError(
            f"This value must be {'greater than or equal to 1' if limit < 1 else 'less than or equal to 100'}.",
            code="parameter_invalid_integer",
            param="limit",
        )
    newest_first = rows[::-1]
    if "ending_before" in params:
        stop = _position(newest_first, params["ending_before"], param="ending_before")
        chosen = newest_first[max(0, stop - limit) : stop]
        more = stop - limit > 0
    else:
        start = 0
        if "starting_after" in params:
            start = 1 + _position(newest_first, params["starting_after"], param="starting_after")
        chosen = newest_first[start : start + limit]
        more = len(newest_first) > start + limit
    return {"object": "list", "data": chosen, "has_more": more, "url": url}


def _position(rows: list[Obj], identifier: str, *, param: str) -> int:
    for index, row in enumerate(rows):
        if row["id"] == identifier:
            return index
    raise missing("object", identifier, param=param)


_COMPARISONS: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda value, bound: value > bound,
    "gte": lambda value, bound: value >= bound,
    "lt": lambda value, bound: value < bound,
    "lte": lambda value, bound: value <= bound,
}


def within(value: int, bounds: int | dict[str, int] | None) -> bool:
    """Tell whether a timestamp meets a filter such as `created=…` or `created[gte]=…`."""
    if bounds is None:
        return True
    if isinstance(bounds, int):
        return value == bounds
    return all(_COMPARISONS[name](value, bound) for name, bound in bounds.items())
