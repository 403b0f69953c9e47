"""One core for the server that is asked, the others for all that asks it and stands behind it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_ALL = sorted(os.sched_getaffinity(0))
_SERVER = set(_ALL[:1])
_OTHERS = set(_ALL[1:]) or _SERVER


def leave_the_servers() -> None:
    """Keep this process, and whatever it starts from now on, off the core of the servers."""
    os.sched_setaffinity(0, _OTHERS)


def give_the_servers(process: subprocess.Popen[bytes]) -> None:
    """Move a process that has only just begun, and whatever it will start, to the core of the servers."""
    os.sched_setaffinity(process.pid, _SERVER)


def told() -> str:
    """Say in words who runs where."""
    if _SERVER == _OTHERS:
        return "server, load and databases share the one core"
    return f"server on core {min(_SERVER)}, load and databases on {', '.join(map(str, sorted(_OTHERS)))}"


def resident_megabytes(pid: int) -> float:
    """Return the resident memory of whichever is largest: a process or one of its children.

    granian answers from a child of the process that one starts.
    """
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return max(_resident(Path(f"/proc/{each}/status")) for each in (str(pid), *children)) / 1024


def _resident(status: Path) -> int:
    lines = status.read_text(encoding="utf-8").splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)
