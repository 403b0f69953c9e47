"""The servers that are asked, each under granian with the same options, on a core that they have to themselves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.bench import cores
from tests.bench.rows import HOST
from tests.proofs.processes.services import free_port, listens, wait_until
from tests.proofs.processes.stack import ROOT

FLOOR, NAIVE, OURS = "tests.bench.floor", "tests.bench.naive.wsgi", "config.wsgi"
_SECRET = "4tZ0fL7cQ2mVx9sKe1Rb6hJw3uYd8pNg5aTiBvXoCqMz-known-to-all"
# What of the caller's environment would be about another installation.
_FOREIGN = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE", "CLOCK_FILE", "EXPRESS_LANE", "DEBUG")


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs."""

    name: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def megabytes(self) -> float:
        """Its resident memory."""
        return cores.resident_megabytes(self.process.pid)


@dataclass(frozen=True, slots=True)
class Program:
    """A server to be: its name in the table, the module that holds its `application`, its environment."""

    name: str
    module: str
    environment: Mapping[str, str]


def environment(folder: Path, *, database_url: str, redis_url: str = "") -> dict[str, str]:
    """Return what a production installation sees."""
    inherited = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
    redis = {"REDIS_URL": redis_url} if redis_url else {}
    return {
        **inherited,
        **redis,
        "DATABASE_URL": database_url,
        "VAR_DIR": str(folder / "var"),
        "SECRET_KEY": _SECRET,
        "ALLOWED_HOSTS": HOST,
        "SITE_URL": f"https://{HOST}",
        "CORS_ALLOWED_ORIGINS": "https://www.news.example",
        "TRUSTED_PROXIES": "1",
        "STRIPE_SECRET_KEY": "sk_test_0123456789abcdef",
        "STRIPE_WEBHOOK_SECRETS": "whsec_0123456789abcdef",
        "EMAIL_URL": "smtp://mail.news.example:25",
        "DEFAULT_FROM_EMAIL": "desk@news.example",
        "LOG_LEVEL": "ERROR",
    }


def run(module: str, *arguments: str, environment: Mapping[str, str]) -> str:
    """Run a program of ours to its end and return what it printed.

    :raises RuntimeError: it failed; what it said is told.
    """
    command = [sys.executable, "-m", module, *arguments]
    done = subprocess.run(
        command, cwd=ROOT, env=dict(environment), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module} failed:\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
    return done.stdout


@contextmanager
def serving(*programs: Program, threads: int, folder: Path) -> Iterator[dict[str, Server]]:
    """Run servers side by side, by name; all but the one that is asked are idle."""
    with ExitStack() as stack:
        yield {
            each.name: stack.enter_context(_serving(each, threads=threads, folder=folder))
            for each in programs
        }


@contextmanager
def _serving(program: Program, *, threads: int, folder: Path) -> Iterator[Server]:
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += ["--workers", "1", "--blocking-threads", str(threads), f"{program.module}:application"]
    log = folder / f"{port}.log"
    with log.open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=ROOT, env=dict(program.environment), stdin=subprocess.DEVNULL, stdout=sink,
            stderr=subprocess.STDOUT, process_group=0,
        )  # fmt: skip
    cores.give_the_servers(process)
    try:
        wait_until(lambda: listens(port), what=f"{program.name}: {log}", seconds=120)
        yield Server(program.name, port, process)
    finally:
        # granian answers from a child, which would outlive it and keep the port.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
