"""Every route asked by everybody with every method: once per run, for all proofs that look at what came back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tests.architecture.routes import METHODS, Route, all_routes
from tests.proofs.extent import IS_FULL
from tests.proofs.leaks import cast
from tests.proofs.leaks.asking import Answer, Watch, ask, watching
from tests.proofs.leaks.cast import Town

_DESK = ("support", "editor", "superuser")
_MAY_TRY = ("stranger", "subscriber", "site")
_TWO = ("GET", "POST")
_MACHINES = "/_allauth/"
# Many tables that are all alike to the admin; in an ordinary run one of them stands for the others.
_ALIKE, _ONE_OF_THEM = "/admin/billing/", "/admin/billing/plan/"


@dataclass(frozen=True, slots=True)
class Swept:
    """One answer of the sweep; who asked for which route, and what it came to."""

    caller: str
    route: Route
    answer: Answer


_swept: dict[str, tuple[Swept, ...]] = {}


def sweep(town: Town) -> Iterator[Swept]:
    """Yield the answers to everybody. What was asked before in this run is not asked again."""
    routes = all_routes(samples=cast.samples())
    for name in town.callers:
        if name not in _swept:
            with watching() as watch:
                _swept[name] = tuple(_asked(town, name, routes, watch))
        yield from _swept[name]


def _asked(town: Town, name: str, routes: Iterable[Route], watch: Watch) -> Iterator[Swept]:
    for route in routes:
        for method in methods_for(name, route):
            yield Swept(name, route, ask(town.caller(name), method, route.path, watch=watch, keep=False))


def methods_for(caller: str, route: Route) -> tuple[str, ...]:
    """Return with which methods a caller asks for a route in a run of this extent."""
    return _in_full(caller, route) if IS_FULL else _ordinarily(caller, route)


def _in_full(caller: str, route: Route) -> tuple[str, ...]:
    # To those who are not staff the admin is one door; three of them try all of it.
    is_shut = route.path.startswith("/admin/") and caller not in (*_DESK, *_MAY_TRY)
    return _TWO if is_shut else METHODS


def _ordinarily(caller: str, route: Route) -> tuple[str, ...]:
    """A stranger and a subscriber try everything outside of the admin; the others what is ours."""
    if route.path.startswith("/admin/"):
        is_told_already = route.path.startswith(_ALIKE) and not route.path.startswith(_ONE_OF_THEM)
        if caller == "superuser":
            return _TWO[:1] if is_told_already else _TWO
        return _TWO[:1] if caller in (*_DESK, *_MAY_TRY) and not is_told_already else ()
    if route.path.startswith(_MACHINES):
        return _TWO if caller in _MAY_TRY else ()
    if caller in _MAY_TRY[:2]:
        return METHODS
    return _TWO if route.path.startswith("/api/") or "billing:" in route.name else ()
