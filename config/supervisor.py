"""Runs several processes as one: starts them, stops them all on a signal, and says so when one dies."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

_LAST_WORDS = 15  # lines of a dead child's log that are shown


@dataclass(frozen=True, slots=True)
class Program:
    """A process to run: its name in messages and the log's name, and its command line."""

    name: str
    command: tuple[str, ...]


@dataclass(slots=True)
class Supervisor:
    """Children in one process group; their output goes to `logs/<name>.log`."""

    logs: Path
    say: Callable[[str], None]
    patience: float = 8.0  # seconds between asking a child to stop and ending it
    _children: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _stopping: bool = False

    def listen(self) -> None:
        """Stop on INT, TERM and HUP. Installed by hand: a shell that starts us with `&` makes Python ignore INT."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def start(self, programs: Sequence[Program]) -> None:
        """Start each program; its log is begun anew."""
        self.logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        for program in programs:
            with (self.logs / f"{program.name}.log").open("wb") as log:
                self._children[program.name] = subprocess.Popen(  # noqa: S603  our own command lines
                    program.command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
                )

    def wait_until(self, is_ready: Callable[[], bool], *, seconds: float) -> bool:
        """Return whether `is_ready` came true in time while all children lived and nobody asked to stop."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._stopping and not self._dead():
            if is_ready():
                return True
            time.sleep(0.1)
        return False

    @property
    def has_dead(self) -> bool:
        """Whether a child has ended."""
        return bool(self._dead())

    def run(self) -> int:
        """Watch until a signal (0) or a child's death (1); stop everything either way."""
        while not self._stopping and not self._dead():
            time.sleep(0.2)
        code = 0 if self._stopping else 1
        self._report_dead()
        self.stop()
        return code

    def stop(self) -> None:
        """Ask every child to stop, then end those that do not."""
        self._stopping = True
        for child in self._children.values():
            if child.poll() is None:
                child.terminate()
        deadline = time.monotonic() + self.patience
        for child in self._children.values():
            try:
                child.wait(timeout=max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    def _dead(self) -> list[str]:
        return [name for name, child in self._children.items() if child.poll() is not None]

    def _report_dead(self) -> None:
        if self._stopping:
            return
        for name in self._dead():
            self.say(f"The {name} process ended (code {self._children[name].returncode}). Its last words:")
            lines = (self.logs / f"{name}.log").read_text(encoding="utf-8", errors="replace").splitlines()
            for line in lines[-_LAST_WORDS:]:
                self.say(f"    {line}")

    def _on_signal(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  the signal module passes it
        self._stopping = True


def python(*arguments: str) -> tuple[str, ...]:
    """Return a command line for this very Python, without buffered output."""
    return (sys.executable, "-u", *arguments)
