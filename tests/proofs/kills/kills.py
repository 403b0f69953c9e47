"""Killing a process for real (`kill -9`) at a named point of its work.

The code that is killed knows nothing of it: a point is where a function of ours begins or ends, and the interpreter's
tracer sees the process get there.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FrameType
from typing import Any

from django.db import connections

TraceFunction = Callable[[FrameType, str, Any], Any]

_LONGEST_STEP = 60  # seconds; a child that hangs is ended by another signal than the one it should die of
_NEVER_REACHED, _FAILED = 3, 4


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function (`module:name`, or `module:Class.name`) begins or ends, for the `nth` time."""

    function: str
    event: str  # "call" or "return", as the tracer calls it
    nth: int = 1

    @property
    def code(self) -> CodeType:
        """The code of the function itself, under whatever decorates it."""
        module, _colon, path = self.function.partition(":")
        found: object = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
        while hasattr(found, "__wrapped__"):
            found = found.__wrapped__
        code = found.__code__  # type: ignore[attr-defined]
        assert isinstance(code, CodeType)
        return code


def before(function: str, *, nth: int = 1) -> Place:
    """Return the place where a function is about to begin."""
    return Place(function, "call", nth)


def after(function: str, *, nth: int = 1) -> Place:
    """Return the place where a function has just ended."""
    return Place(function, "return", nth)


@dataclass(frozen=True, slots=True)
class Point:
    """A point of a story, in words, and the places that lead to it: the last one reached in order is where it ends."""

    name: str
    places: tuple[Place, ...]


def point(name: str, *places: Place) -> Point:
    """Return a point."""
    return Point(name, places)


@dataclass(frozen=True, slots=True)
class Death:
    """How a process ended."""

    status: int

    @property
    def is_kill(self) -> bool:
        """Whether it got to its point: nothing else in the world sends it this signal."""
        return os.WIFSIGNALED(self.status) and os.WTERMSIG(self.status) == signal.SIGKILL

    def __str__(self) -> str:
        if os.WIFSIGNALED(self.status):
            return f"signal {os.WTERMSIG(self.status)}"
        code = os.WEXITSTATUS(self.status)
        return {_NEVER_REACHED: "never got there", _FAILED: "failed before it"}.get(code, f"exit {code}")


def kill_at(where: Point, act: Callable[[], object]) -> Death:
    """Do `act` in a process of its own, which is killed at the point; return how it ended.

    The caller has a single thread, and no open connection afterwards.
    """
    connections.close_all()  # a connection shared by two processes serves neither
    child = os.fork()
    if child == 0:
        _live_until(where, act)
    _pid, status = os.waitpid(child, 0)
    return Death(status)


def _live_until(where: Point, act: Callable[[], object]) -> None:
    code = _FAILED
    try:
        signal.alarm(_LONGEST_STEP)
        gc.disable()  # it would touch, and so copy, every page that the two still share
        sys.settrace(_watch([(place.code, place.event, place.nth) for place in where.places]))
        act()
        code = _NEVER_REACHED
    except BaseException:  # noqa: BLE001  whatever it is: a child must never go on as a second parent
        sys.settrace(None)
        traceback.print_exc()
    finally:
        os._exit(code)


def _watch(places: list[tuple[CodeType, str, int]]) -> TraceFunction:
    """Return a tracer that waits for one place after the other, and kills its own process at the last."""
    left = list(places)
    seen = 0
    awaited, event_awaited, nth = left.pop(0)

    def reached() -> None:
        nonlocal seen, awaited, event_awaited, nth
        seen += 1
        if seen < nth:
            return
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        seen = 0
        awaited, event_awaited, nth = left.pop(0)

    def inside(frame: FrameType, event: str, _argument: object) -> TraceFunction:
        if event == event_awaited == "return" and frame.f_code is awaited:
            reached()
        return inside

    # Asked of every function that is called: nothing but the comparison may cost time.
    def outside(frame: FrameType, _event: str, _argument: object) -> TraceFunction | None:
        if frame.f_code is not awaited:
            return None
        if event_awaited == "return":
            return inside
        reached()
        return None

    return outside
