"""One simulated endpoint: where it is, what serves it, and which parameters it acts on."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import stripe

from .params import Params
from .store import Obj
from .world import World

Handler = Callable[..., Obj]
PAGED = "limit starting_after ending_before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A row of the route table. `handler` is called with the world, typed parameters, and the parts of the path."""

    method: str
    path: str
    handler: Handler
    schema: str
    understood: frozenset[str]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    def serve(self, world: World, params: Params, parts: dict[str, Any]) -> Obj:
        """Do the work and return what to show."""
        return self.handler(world, params, **parts)


def route(where: str, handler: Handler, *, schema: str, understood: str = "") -> Route:
    """Return a route from `"POST /v1/customers/<customer>"` and the names of the parameters it acts on."""
    method, path = where.split()
    return Route(
        method=method, path=path, handler=handler, schema=schema, understood=frozenset(understood.split())
    )


def real_name(method: str, path: str) -> str | None:
    """Return the route of Stripe's that this request asks for, going by the installed SDK; none if there is none."""
    for pattern, name in _real_routes():
        if pattern.fullmatch(f"{method} {path}"):
            return name
    return None


@functools.cache
def _real_routes() -> list[tuple[re.Pattern[str], str]]:
    """Read the SDK's service classes: every `self._request("get", "/v1/…")` in them is a route."""
    found = set()
    for file in Path(str(stripe.__file__)).parent.rglob("*_service.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr == "_request"
            ):
                method, path = (_text(argument) for argument in node.args[:2])
                found.add(f"{method.upper()} {path}")
    return [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(name))), name) for name in sorted(found)]


def _text(node: ast.expr) -> str:
    """Return a string literal, or the one that `.format` is called on."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        node = node.func.value
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
