"""Makes the environment for `manage.py demo` and `manage.py test` on a fresh machine. Standard library only.

A checkout needs nothing but Python 3.11+ with venv: `.venv` is made, the uv version that `uv.lock` names is installed
into it, and uv installs what the lock file says. A stamp of the lock file in `.venv` tells whether that is still so.
Inside a container, or any virtual environment other than ours, nothing is touched.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
_LOCK = ROOT / "uv.lock"
_STAMP = VENV / ".lock-stamp"
_MAKES_ENVIRONMENT = {"demo", "test"}
_FIRST_PORT = 8000


@dataclass(frozen=True, slots=True)
class _Portions:
    """How a long run is shared out: what is run beside the rest, portion by portion, and what after all of that.

    `patient` are portions beside the rest as well, which take no times and so give way to those that do.
    """

    beside: tuple[tuple[str, ...], ...]
    patient: tuple[tuple[str, ...], ...] = ()
    afterwards: tuple[str, ...] = ()


# Three portions, about as long as each other, keep two cores busy: some tests wait.
_ALL = _Portions(
    beside=(
        (
            *("tests/proofs/histories", "tests/proofs/kills", "tests/proofs/leaks", "tests/proofs/odd_input"),
            *("tests/proofs/operation", "tests/proofs/outages", "tests/proofs/revenue"),
            *("tests/billing/test_cards.py", "tests/billing/test_changing.py"),
        ),
        ("tests/billing",),
    )
)
# The last one compares times within a tenth: only a quiet machine can tell.
_PROOFS = _Portions(
    beside=(("tests/proofs/races",),),
    patient=(
        ("tests/proofs/kills",),
        ("tests/proofs/leaks", "tests/proofs/odd_input"),
        ("tests/proofs/revenue",),
    ),
    afterwards=("tests/proofs/logins/test_s9_known_addresses.py",),
)


def ensure_environment(argv: Sequence[str]) -> None:
    """Go on inside an environment that fits the lock file, making it first where the command is `demo` or `test`.

    Returns in the right environment, or replaces this process by one that is in it.
    """
    command = argv[1] if len(argv) > 1 else ""
    if _is_foreign_environment():
        return
    if command in _MAKES_ENVIRONMENT and not _is_current():
        _build()
    if Path(sys.prefix) == VENV:
        return
    if not PYTHON.exists():
        if importlib.util.find_spec("django"):
            return
        sys.exit(
            "There is no environment yet. Run `python3 manage.py demo` or `python3 manage.py test` first."
        )
    os.execv(PYTHON, [str(PYTHON), *argv])  # noqa: S606  the same command, inside the environment


def run_tests(arguments: Sequence[str]) -> NoReturn:
    """Run pytest. `proofs` as the first word means the measured claims alone, each in full.

    `mutations` switches off one guard of the product at a time and expects a proof to notice. `bench` measures how fast
    the access check answers.
    """
    chosen = list(arguments)
    program = ["-m", "pytest"]
    if chosen[:1] == ["proofs"]:
        os.environ["PROOFS"] = "full"
        chosen[:1] = ["tests/proofs"]
    elif chosen[:1] == ["mutations"]:
        program, chosen = ["-m", "tests.proofs.mutations"], chosen[1:]
    elif chosen[:1] == ["bench"]:
        program, chosen = ["-m", "tests.bench"], chosen[1:]
    os.chdir(ROOT)
    if program == ["-m", "pytest"] and (portions := _apart(chosen)):
        sys.exit(_run_side_by_side(chosen, portions))
    command = [sys.executable, *program, *chosen]
    os.execv(sys.executable, command)  # noqa: S606  pytest takes over this process


def _apart(chosen: Sequence[str]) -> _Portions | None:
    """Return how a run is shared out, where that is possible: all would use one Postgres, if one was named."""
    if (os.cpu_count() or 1) < 2 or "DATABASE_URL" in os.environ:
        return None
    return {(): _ALL, ("tests/proofs",): _PROOFS}.get(tuple(chosen))


def _run_side_by_side(chosen: Sequence[str], portions: _Portions) -> int:
    """Run portions beside the rest, each with an SQLite of its own, and tell of them at the end; then the others."""
    taken = [*chain.from_iterable((*portions.beside, *portions.patient)), *portions.afterwards]
    commands = [
        *(_pytest(portion, taken) for portion in portions.beside),
        *(["nice", *_pytest(portion, taken)] for portion in portions.patient),
    ]
    with ExitStack() as opened:
        beside = [opened.enter_context(_beside(command)) for command in commands]
        failed = subprocess.call(_pytest(chosen, taken))  # noqa: S603
        for process, told in beside:
            failed |= process.wait()
            told.seek(0)
            shutil.copyfileobj(told, sys.stdout.buffer)
    if portions.afterwards:
        sys.stdout.flush()
        failed |= subprocess.call(_pytest(portions.afterwards, taken))  # noqa: S603
    return failed


def _pytest(paths: Sequence[str], taken: Sequence[str]) -> list[str]:
    """Return the command that runs these paths (none: all there is) without what is taken out of them."""
    inside = [path for path in taken if not paths or any(path.startswith(f"{mine}/") for mine in paths)]
    return [sys.executable, "-m", "pytest", *paths, *(f"--ignore={path}" for path in inside)]


@contextmanager
def _beside(command: Sequence[str]) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Run a command in the background and keep what it says; whoever is interrupted leaves nothing running."""
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, stdout=told, stderr=subprocess.STDOUT)  # noqa: S603
        try:
            yield process, told
        finally:
            process.terminate()
            process.wait()


def demo_ports(argv: Sequence[str]) -> tuple[int, int, int]:
    """Return the ports of service, newspaper and sandbox: `--port N` and the two after it."""
    text = ""
    for position, word in enumerate(argv):
        if word == "--port" and position + 1 < len(argv):
            text = argv[position + 1]
        elif word.startswith("--port="):
            text = word.partition("=")[2]
    if text and not (text.isdigit() and 1024 <= int(text) <= 65533):
        sys.exit(f"--port must be a number from 1024 to 65533, not {text!r}.")
    first = int(text) if text else _FIRST_PORT
    return first, first + 1, first + 2


def set_demo_environment(argv: Sequence[str]) -> None:
    """Set what the demo runs on where the caller has not: its addresses, and keys that only the sandbox knows."""
    service, newspaper, sandbox = demo_ports(argv)
    var = Path(os.environ.setdefault("VAR_DIR", str(ROOT / "var")))
    defaults = {
        "DEBUG": "1",
        "SITE_URL": f"http://localhost:{service}",
        "CORS_ALLOWED_ORIGINS": f"http://localhost:{newspaper}",
        "SITE_API_KEYS": "newspaper:demo-site-key-not-a-secret",
        "STRIPE_SECRET_KEY": "sk_test_demo0123456789",
        "STRIPE_WEBHOOK_SECRETS": "whsec_demo0123456789",
        "STRIPE_API_BASE": f"http://localhost:{sandbox}",
        "CLOCK_FILE": str(var / "clock"),
        "EMAIL_URL": f"filemail://{var / 'mail'}",
        "DEFAULT_FROM_EMAIL": "The Harbour Courant <desk@courant.example>",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


def _is_foreign_environment() -> bool:
    return sys.prefix != sys.base_prefix and Path(sys.prefix) != VENV


def _is_current() -> bool:
    return PYTHON.exists() and _STAMP.exists() and _STAMP.read_text(encoding="ascii") == _lock_digest()


def _lock_digest() -> str:
    return hashlib.sha256(_LOCK.read_bytes()).hexdigest()


def _build() -> None:
    if sys.version_info < (3, 11):
        sys.exit(f"Python 3.11 or newer is needed; this is {sys.version.split()[0]}.")
    if not PYTHON.exists():
        _say("Making .venv")
        _run([sys.executable, "-m", "venv", str(VENV)], hint="sudo apt install python3-venv")
    _say("Installing what uv.lock names (once; about half a minute)")
    _run(
        [
            str(PYTHON),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            f"uv=={_uv_version()}",
        ]
    )
    environment = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(VENV)}
    # Compiled once for all processes: each would do it again where no bytecode may be written, as in many containers.
    sync = ["sync", "--frozen", "--inexact", "--compile-bytecode", "--quiet"]
    _run([str(VENV / "bin" / "uv"), *sync], environment=environment)
    _STAMP.write_text(_lock_digest(), encoding="ascii")


def _uv_version() -> str:
    match = re.search(r'name = "uv"\nversion = "([^"]+)"', _LOCK.read_text(encoding="utf-8"))
    if match is None:
        sys.exit("uv.lock does not name uv; it belongs to the dev group of pyproject.toml.")
    return match[1]


def _run(command: Sequence[str], *, hint: str = "", environment: dict[str, str] | None = None) -> None:
    result = subprocess.run(command, cwd=ROOT, env=environment, check=False)  # noqa: S603  our own command lines
    if result.returncode != 0:
        advice = f" Try: {hint}" if hint else ""
        sys.exit(f"This step failed: {' '.join(command)}.{advice}")


def _say(text: str) -> None:
    print(f"· {text} …", flush=True)  # noqa: T201  the only way to show progress before anything is installed
