"""Request parameters: from Stripe's form encoding to typed values, judged by the installed SDK's own types.

The SDK's `stripe.params.*` classes say which parameters each call knows, and of which type. A parameter that they
do not know is refused; one that they know but the sandbox does not act on is refused too, by name, not ignored.
"""

from __future__ import annotations

import functools
import types
import typing
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import stripe
import typing_extensions
from stripe import RequestOptions

from .errors import ApiError, not_simulated, parameter_unknown

Params = dict[str, Any]
_OPTIONS = frozenset(RequestOptions.__annotations__)


def decode(pairs: list[tuple[str, str]]) -> Params:
    """Turn `items[0][price]=p` pairs into nested dicts; a list is a dict whose keys are its positions."""
    tree: Params = {}
    for name, value in pairs:
        head, *rest = name.replace("]", "").split("[")
        steps = [head, *rest]
        node = tree
        for step in steps[:-1]:
            key = step or str(len(node))
            following = node.setdefault(key, {})
            if not isinstance(following, dict):
                raise parameter_unknown(name)
            node = following
        node[steps[-1] or str(len(node))] = value
    return tree


def read(tree: Params, *, schema: str, understood: frozenset[str], route: str) -> Params:
    """Return typed parameters for a call whose parameters the SDK calls `schema`.

    :raises ApiError: an unknown parameter, a value of the wrong type, or one that the sandbox does not act on.
    """
    values = typing.cast("Params", _read(tree, _schema(schema), path=""))
    for name in values:
        if name != "expand" and name not in understood:
            raise not_simulated(f"the parameter `{name}` of {route}")
    return values


def _schema(name: str) -> Any:
    group, _, short = name.rpartition(".")
    module = getattr(stripe.params, group) if group else stripe.params
    return getattr(module, short)


@functools.cache
def _fields(schema: Any) -> dict[str, Any]:
    # The options (a base class of every schema) use names that the schema's own module need not import.
    names = {"StripeContext": object, "Mapping": Mapping}
    hints = typing.get_type_hints(schema, localns=names)
    return {key: hint for key, hint in hints.items() if key not in _OPTIONS}


def _read(value: Any, hint: Any, *, path: str) -> Any:
    if typing_extensions.is_typeddict(hint):
        return _read_fields(value, hint, path=path)
    origin = typing.get_origin(hint)
    if origin in {typing.Union, types.UnionType}:
        return _read_union(value, typing.get_args(hint), path=path)
    if origin is list:
        return _read_list(value, typing.get_args(hint)[0], path=path)
    if origin is Literal:
        return _read_choice(value, typing.get_args(hint), path=path)
    if origin is dict or _is_open_object(hint):
        if not isinstance(value, dict):
            raise _invalid("object", value, path=path)
        return {key: str(entry) for key, entry in value.items()}
    return _read_plain(value, hint, path=path)


def _read_fields(value: Any, hint: Any, *, path: str) -> Params:
    if not isinstance(value, dict):
        raise _invalid("object", value, path=path)
    fields = _fields(hint)
    found: Params = {}
    for key, entry in value.items():
        name = f"{path}[{key}]" if path else key
        if key not in fields:
            raise parameter_unknown(name)
        found[key] = _read(entry, fields[key], path=name)
    return found


def _read_union(value: Any, choices: tuple[Any, ...], *, path: str) -> Any:
    literals = [
        word for hint in choices if typing.get_origin(hint) is Literal for word in typing.get_args(hint)
    ]
    others = [hint for hint in choices if typing.get_origin(hint) is not Literal]
    if isinstance(value, dict):
        structured = [
            hint for hint in others if not isinstance(hint, type) or typing_extensions.is_typeddict(hint)
        ]
        for hint in structured:
            return _read(value, hint, path=path)
        raise _invalid("string", value, path=path)
    if value in literals:
        return value
    for hint in (int, float, Decimal, bool):
        if hint in others:
            return _read_plain(value, hint, path=path)
    if str in others and not [word for word in literals if word]:
        return value
    return _read_choice(value, tuple(literals), path=path)


def _read_list(value: Any, hint: Any, *, path: str) -> list[Any]:
    if isinstance(value, dict) and all(key.isdigit() for key in value):
        ordered = [value[key] for key in sorted(value, key=int)]
        return [_read(entry, hint, path=f"{path}[{index}]") for index, entry in enumerate(ordered)]
    raise _invalid("array", value, path=path)


def _read_choice(value: Any, words: tuple[Any, ...], *, path: str) -> Any:
    if value in words:
        return value
    allowed = ", ".join(str(word) for word in words if word)
    raise ApiError(f"Invalid {path}: must be one of {allowed}", param=path, recorded=False)


def _read_plain(value: Any, hint: Any, *, path: str) -> Any:
    if isinstance(value, dict):
        raise _invalid("string", value, path=path)
    try:
        if hint is bool:
            return {"true": True, "false": False}[value]
        if hint is int:
            return int(value)
        if hint is float:
            return float(value)
        if hint is Decimal:
            return Decimal(value)
    except (KeyError, ValueError, InvalidOperation):
        name = {bool: "boolean", int: "integer", float: "decimal", Decimal: "decimal"}[hint]
        raise _invalid(name, value, path=path) from None
    return value


def _is_open_object(hint: Any) -> bool:
    owner = typing.get_origin(hint) or hint
    return isinstance(owner, type) and issubclass(owner, stripe.StripeObject)


def _invalid(wanted: str, value: Any, *, path: str) -> ApiError:
    return ApiError(
        f"Invalid {wanted}: {value if isinstance(value, str) else 'object'}",
        code=f"parameter_invalid_{wanted}" if wanted == "integer" else None,
        param=path,
        recorded=False,
    )


def merged_metadata(before: dict[str, str], change: dict[str, str] | str | None) -> dict[str, str]:
    """Return metadata after an update: keys merge, an empty value removes a key, an empty string removes all."""
    if change is None:
        return dict(before)
    if isinstance(change, str):
        return {}
    return {key: value for key, value in {**before, **change}.items() if value != ""}
