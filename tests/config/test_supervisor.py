"""Several processes under one supervisor: a signal stops them all, a death is reported and stops the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

_SCRIPT = """
import sys
from pathlib import Path
from config.supervisor import Program, Supervisor, python

def note(name, code):
    file = f"{sys.argv[1]}/{name}.pid"
    return Program(name, python("-c", f"import os, time; open({file!r}, 'w').write(str(os.getpid())); {code}"))

supervisor = Supervisor(
    logs=Path(sys.argv[1]) / "log", say=lambda line: print(line, flush=True), patience=float(sys.argv[3])
)
supervisor.listen()
supervisor.start([note("steady", "time.sleep(60)"), note("other", sys.argv[2])])
print("started", flush=True)
sys.exit(supervisor.run())
"""


def _start(folder: Path, other: str, *, patience: float = 8) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", _SCRIPT, str(folder), other, str(patience)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def _wait_for_pids(folder: Path) -> list[int]:
    def told() -> list[str]:
        return [text for file in folder.glob("*.pid") if (text := file.read_text())]

    _wait_for(lambda: len(told()) == 2)
    return [int(text) for text in told()]


def _wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, "The children did not start."
        time.sleep(0.05)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_everything(number: signal.Signals, tmp_path: Path) -> None:
    supervisor = _start(tmp_path, "time.sleep(60)")
    pids = _wait_for_pids(tmp_path)
    supervisor.send_signal(number)
    assert supervisor.wait(timeout=20) == 0
    assert not any(_is_alive(pid) for pid in pids)


def test_a_death_is_reported_with_its_last_words_and_stops_the_rest(tmp_path: Path) -> None:
    supervisor = _start(tmp_path, "print('out of coffee'); raise SystemExit(3)")
    output, _ = supervisor.communicate(timeout=20)
    assert supervisor.returncode == 1
    assert "The other process ended (code 3)" in output
    assert "out of coffee" in output
    assert not _is_alive(int((tmp_path / "steady.pid").read_text()))


def test_a_child_that_ignores_the_request_is_ended(tmp_path: Path) -> None:
    # The steady one ends when asked; this one says when it has stopped its ears.
    ready = tmp_path / "ready"
    deaf = "signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    supervisor = _start(
        tmp_path, f"import signal; {deaf}; open({str(ready)!r}, 'w').close(); time.sleep(60)", patience=0.5
    )
    pids = _wait_for_pids(tmp_path)
    _wait_for(ready.exists)
    began = time.monotonic()
    supervisor.terminate()
    assert supervisor.wait(timeout=20) == 0
    assert time.monotonic() - began >= 0.5
    assert not any(_is_alive(pid) for pid in pids)
