"""How a stored object is shown: without our own notes, with its prices spelled out, and with what was expanded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .errors import ApiError
from .store import Obj, Store

# Fields that Stripe leaves out unless they are asked for.
_INCLUDED: dict[tuple[str, str], Callable[[Store, Obj], Any]] = {}


def included(kind: str, field: str) -> Callable[[Callable[[Store, Obj], Any]], Callable[[Store, Obj], Any]]:
    """Register the function that makes a field which is shown only when expanded."""

    def register(function: Callable[[Store, Obj], Any]) -> Callable[[Store, Obj], Any]:
        _INCLUDED[kind, field] = function
        return function

    return register


def listing(rows: list[Obj], *, url: str, has_more: bool = False) -> Obj:
    """Return a list object, as it stands inside another object."""
    return {"object": "list", "data": rows, "has_more": has_more, "url": url}


def show(store: Store, obj: Obj, *, expand: list[str] | None = None) -> Obj:
    """Return a copy of `obj` as the API shows it. The copy shares nothing with the store.

    :raises ApiError: a path that is too deep, or that leads nowhere.
    """
    shown: Obj = _copy(store, obj)
    for path in expand or []:
        steps = path.split(".")
        if len(steps) > 4:
            raise ApiError(
                f"You cannot expand more than 4 levels of a property. Property: {path}",
                param="expand",
                recorded=False,
            )
        _expand(store, shown, steps, path=path)
    return shown


def _copy(store: Store, value: Any) -> Any:
    if isinstance(value, list):
        return [_copy(store, entry) for entry in value]
    if not isinstance(value, dict):
        return value
    copied = {key: _copy(store, entry) for key, entry in value.items() if not key.startswith("_")}
    # In an event the price is already spelled out, as it was then.
    if copied.get("object") == "subscription_item" and isinstance(value["price"], str):
        price = store.get("price", value["price"])
        copied["price"] = _copy(store, price)
        copied["plan"] = _as_plan(price)
    return copied


def _as_plan(price: Obj) -> Obj:
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "billing_scheme": price["billing_scheme"],
        "created": price["created"],
        "currency": price["currency"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "livemode": False,
        "metadata": dict(price["metadata"]),
        "meter": None,
        "nickname": price["nickname"],
        "product": price["product"],
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": None,
        "usage_type": recurring["usage_type"],
    }


def _expand(store: Store, shown: Any, steps: list[str], *, path: str) -> None:
    if isinstance(shown, list):
        for entry in shown:
            _expand(store, entry, steps, path=path)
        return
    if not isinstance(shown, dict):
        return
    field, rest = steps[0], steps[1:]
    if field not in shown:
        if shown.get("deleted"):
            return
        shown[field] = _included(store, shown, field, path=path)
    shown[field] = _resolve(store, shown[field], path=path, last=not rest)
    if rest:
        _expand(store, shown[field], rest, path=path)


def _included(store: Store, shown: Obj, field: str, *, path: str) -> Any:
    make = _INCLUDED.get((shown.get("object", ""), field))
    original = store.find(shown.get("object", ""), shown.get("id"))
    if make is None or original is None:
        raise ApiError(f"This property cannot be expanded ({path}).", param="expand", recorded=False)
    return _copy(store, make(store, original))


def _resolve(store: Store, value: Any, *, path: str, last: bool) -> Any:
    if isinstance(value, str):
        found = store.find_any(value)
        if found is None:
            raise ApiError(f"This property cannot be expanded ({path}).", param="expand", recorded=False)
        return _copy(store, found)
    if isinstance(value, list):
        return [_resolve(store, entry, path=path, last=last) for entry in value]
    if last and value is not None and not isinstance(value, dict):
        raise ApiError(f"This property cannot be expanded ({path}).", param="expand", recorded=False)
    return value
