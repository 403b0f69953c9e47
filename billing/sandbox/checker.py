"""Holding every answer and event against the installed SDK: nothing is said that Stripe would not say.

The SDK's response classes carry the fields, types and enums of the pinned API version as annotations. They call a
field optional whether it may be null or may be left out, so this cannot tell the one from the other.
"""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from typing import Any, ForwardRef, Literal

import stripe
from stripe._object_classes import OBJECT_CLASSES

from .store import Obj

_NONE = type(None)
_LISTS = frozenset({"list", "search_result"})
_DELETED = frozenset({"id", "object", "deleted"})


class ShapeError(AssertionError):
    """The sandbox was about to say something that Stripe's specification does not allow."""


def check(shown: Obj) -> None:
    """Check an answer or an event.

    :raises ShapeError: with every place that does not fit.
    """
    found = list(_of_object(shown, path=str(shown.get("object", "?"))))
    if found:
        raise ShapeError("\n".join(found))


def _of_object(value: Any, *, path: str) -> Iterator[str]:
    """Check something that says by its `object` field what it is."""
    kind = value.get("object") if isinstance(value, dict) else None
    if kind in _LISTS:
        for index, entry in enumerate(value["data"]):
            yield from _of_object(entry, path=f"{path}.data[{index}]")
        return
    if kind not in OBJECT_CLASSES:
        yield f"{path}: not a Stripe object: {kind!r}"
        return
    if value.get("deleted") is True:
        yield from (f"{path}.{key}: too much for a deleted object" for key in value.keys() - _DELETED)
        return
    yield from _of_fields(value, _class_of(kind), path=path)
    if kind == "event":
        yield from _of_object(value["data"]["object"], path=f"{path}({value['type']})")
        yield from _of_previous(value, path=path)


def _class_of(kind: str) -> Any:
    module, name = OBJECT_CLASSES[kind]
    return getattr(import_module(module), name)


def _of_previous(event: Obj, *, path: str) -> Iterator[str]:
    known = _hints(_class_of(event["data"]["object"]["object"]))
    for key in event["data"].get("previous_attributes", {}):
        if key not in known:
            yield f"{path}.previous_attributes.{key}: unknown field"


def _hints(owner: Any) -> dict[str, Any]:
    return {
        name: hint
        for name, hint in owner.__annotations__.items()
        if not name.startswith("_") and name != "OBJECT_NAME"
    }


def _of_fields(value: Any, owner: Any, *, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} instead of {owner.__qualname__}"
        return
    hints = _hints(owner)
    for name in value:
        if name not in hints:
            yield f"{path}.{name}: unknown field of {owner.__qualname__}"
    for name, hint in hints.items():
        if name in value:
            yield from _of_value(value[name], hint, path=f"{path}.{name}")
        elif _NONE not in typing.get_args(hint):
            yield f"{path}.{name}: missing"


def _of_value(value: Any, hint: Any, *, path: str) -> Iterator[str]:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        yield from _of_union(value, arguments, path=path)
    elif origin is Literal:
        if value not in arguments:
            yield f"{path}: {value!r} is none of {arguments[:12]}"
    elif origin is list:
        yield from _of_list(value, arguments[0], path=path)
    elif isinstance(origin, type) and issubclass(origin, stripe.StripeObject):
        yield from _of_generic(value, origin, arguments[0], path=path)
    elif isinstance(hint, ForwardRef | str):
        yield from _of_named(value, hint, path=path)
    elif isinstance(hint, type) and issubclass(hint, stripe.StripeObject):
        yield from _of_fields(value, hint, path=path)
    elif not _is_plain(value, hint):
        yield f"{path}: {value!r} instead of {hint}"


def _of_list(value: Any, inner: Any, *, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: {value!r} instead of a list"
        return
    for index, entry in enumerate(value):
        yield from _of_value(entry, inner, path=f"{path}[{index}]")


def _of_union(value: Any, choices: tuple[Any, ...], *, path: str) -> Iterator[str]:
    if value is None:
        if _NONE not in choices:
            yield f"{path}: null is not allowed"
        return
    # The SDK keeps enums open (`Literal[…] | str`); the sandbox may only say what is listed.
    words = [word for hint in choices if typing.get_origin(hint) is Literal for word in typing.get_args(hint)]
    if words and not isinstance(value, dict):
        if value not in words:
            yield f"{path}: {value!r} is none of {words[:12]}"
        return
    structured = [hint for hint in choices if hint not in {str, int, float, bool, _NONE}]
    if isinstance(value, dict | list) and structured:
        outcomes = [list(_of_value(value, hint, path=path)) for hint in structured]
        yield from min(outcomes, key=len)
    elif not any(_is_plain(value, hint) for hint in choices):
        yield f"{path}: {value!r} is none of {choices}"


def _of_generic(value: Any, origin: Any, inner: Any, *, path: str) -> Iterator[str]:
    """Check a list object, or an object with free keys."""
    if not isinstance(value, dict):
        yield f"{path}: {value!r} instead of an object"
    elif origin is stripe.ListObject:
        if value.keys() != {"object", "data", "has_more", "url"}:
            yield f"{path}: a list object has object, data, has_more, url; not {sorted(value)}"
            return
        for index, entry in enumerate(value["data"]):
            yield from _of_value(entry, inner, path=f"{path}.data[{index}]")
    elif inner is not Any:
        for key, entry in value.items():
            yield from _of_value(entry, inner, path=f"{path}.{key}")


def _of_named(value: Any, hint: ForwardRef | str, *, path: str) -> Iterator[str]:
    """Check against a class that is only named: the value's own `object` must say the same."""
    # The SDK renames some classes on import where a nested class has the same name.
    name = (hint if isinstance(hint, str) else hint.__forward_arg__).removesuffix("Resource")
    kind = value.get("object") if isinstance(value, dict) else None
    if kind not in OBJECT_CLASSES or _class_of(str(kind)).__name__ != name:
        yield f"{path}: {kind!r} instead of {name}"
        return
    yield from _of_object(value, path=path)


def _is_plain(value: Any, hint: Any) -> bool:
    if hint is Any or hint is object:
        return True
    if hint is Decimal:
        return isinstance(value, str)
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(hint, type) and isinstance(value, hint)
