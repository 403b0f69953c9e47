"""Our processes as they run in production: web, worker, relay, schedule, beside a Stripe stand-in of their own.

Each can be killed, frozen and started again by itself. Nothing here is patched: faults come from outside.
"""

from __future__ import annotations

import atexit
import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import requests

from tests.proofs.processes.services import free_port, wait_until

ROOT = Path(__file__).resolve().parents[3]
SECRET_KEY = "sk_test_proof0123456789"
WEBHOOK_SECRET = "whsec_proof0123456789abcdef"
SITE_KEY = "site-key-of-the-proofs"
SITE = {"Authorization": f"Api-Key {SITE_KEY}"}
_OURS = {
    *("DEBUG", "VAR_DIR", "CLOCK_FILE", "SITE_URL", "SITE_API_KEYS", "CORS_ALLOWED_ORIGINS", "EMAIL_URL"),
    *("STRIPE_SECRET_KEY", "STRIPE_WEBHOOK_SECRETS", "STRIPE_API_BASE", "DATABASE_URL", "REDIS_URL"),
    "DJANGO_SETTINGS_MODULE",
}

# Shards ask for theirs at the same moment.
_MIGRATING = threading.Lock()

_PREPARE = """
from django.core.management import call_command
from accounts import clock
from config import demonstration
call_command("migrate", verbosity=0, interactive=False)
call_command("createcachetable", verbosity=0)
demonstration.state_products_and_staff()
demonstration.state_plans(now=clock.now())
"""


@dataclass(slots=True)
class Stack:
    """A running installation. `environment` is what every process of it sees."""

    folder: Path
    database_url: str
    redis_url: str = ""
    webhooks: bool = True  # whether the stand-in delivers its events
    threads: int = 4
    workers: int = 1  # processes that serve
    service_port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)
    extra: Mapping[str, str] = field(default_factory=dict)
    _processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def service(self) -> str:
        """Where the service answers."""
        return f"http://127.0.0.1:{self.service_port}"

    @property
    def sandbox(self) -> str:
        """Where the Stripe stand-in answers."""
        return f"http://127.0.0.1:{self.sandbox_port}"

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process, and of commands run beside them."""
        inherited = {name: value for name, value in os.environ.items() if name not in _OURS}
        redis = {"REDIS_URL": self.redis_url} if self.redis_url else {}
        return {
            **inherited,
            "DEBUG": "1",
            "VAR_DIR": str(self.folder / "var"),
            "DATABASE_URL": self.database_url,
            "SITE_URL": self.service,
            "CORS_ALLOWED_ORIGINS": "http://localhost:8001",
            "SITE_API_KEYS": f"proofs:{SITE_KEY}",
            "STRIPE_SECRET_KEY": SECRET_KEY,
            "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
            "STRIPE_API_BASE": self.sandbox,
            "CLOCK_FILE": str(self.folder / "clock"),
            "EMAIL_URL": f"filemail://{self.folder / 'mail'}",
            "DEFAULT_FROM_EMAIL": "desk@news.example",
            **redis,
            **self.extra,
        }

    def prepare(self) -> None:
        """Migrate the database and put the demo's products and plans on sale; needs the stand-in to run."""
        kind, _, file = self.database_url.partition(":///")
        if kind == "sqlite":
            _lay_migrated(Path(file))
        self.manage("shell", "--verbosity", "0", "--command", _PREPARE)

    def manage(self, *arguments: str) -> str:
        """Run a command of `manage.py` beside the processes; return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{arguments}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, *names: str) -> None:
        """Start processes by name (see `_commands`); web and sandbox are waited for until they answer."""
        (self.folder / "var").mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in names:
            with self.log(name).open("ab") as log:
                self._processes[name] = subprocess.Popen(
                    _commands(self)[name], cwd=ROOT, env=self.environment, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, process_group=0,
                )  # fmt: skip
        for name, path in (
            ("sandbox", f"{self.sandbox}/_control/clock"),
            ("web", f"{self.service}/health/live"),
        ):
            if name in names:
                wait_until(lambda path=path: _answers(path), what=f"{name}: {self.log(name)}", seconds=180)

    def kill(self, name: str, *, number: int = signal.SIGKILL) -> None:
        """End a process at once, or send it another signal. What cannot be caught reaches its children too."""
        process = self._processes[name]
        if number in {signal.SIGKILL, signal.SIGSTOP, signal.SIGCONT}:
            _signal_group(process, number)
        else:
            process.send_signal(number)
        if number == signal.SIGKILL:
            process.wait()

    def is_alive(self, name: str) -> bool:
        """Tell whether a process still runs."""
        return self._processes[name].poll() is None

    def stop(self) -> None:
        """End everything that still runs."""
        for process in self._processes.values():
            _signal_group(process, signal.SIGKILL)
        for process in self._processes.values():
            process.wait()

    def log(self, name: str) -> Path:
        """Return where a process writes its log."""
        return self.folder / f"{name}.log"

    def control(self, path: str, **document: Any) -> Any:
        """Tell the stand-in something: `advance`, `faults`, `card`, `checkout/<session>/complete` …"""
        answer = requests.post(f"{self.sandbox}/_control/{path}", data=json.dumps(document), timeout=120)
        answer.raise_for_status()
        return answer.json()

    def wait_for_deliveries(self) -> None:
        """Wait until the stand-in has nothing more to deliver."""
        address = f"{self.sandbox}/_control/deliveries"
        wait_until(
            lambda: not requests.get(address, timeout=30).json()["pending"], what="deliveries", seconds=120
        )


@contextmanager
def running(stack: Stack, *names: str) -> Iterator[Stack]:
    """Prepare and start a stack; end all of it afterwards."""
    try:
        stack.start("sandbox")
        stack.prepare()
        stack.start(*names)
        yield stack
    finally:
        stack.stop()


@cache
def _migrated() -> Path:
    """Migrate a database once in a run: each process of tests asks for several, all alike at first."""
    folder = Path(tempfile.mkdtemp(prefix="paywall-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    stack = Stack(folder, f"sqlite:///{folder / 'migrated.sqlite3'}")
    (folder / "var").mkdir(mode=0o700)
    stack.manage("migrate", "--verbosity", "0")
    return folder / "migrated.sqlite3"


def _lay_migrated(file: Path) -> None:
    with _MIGRATING:
        _migrated()
    with closing(sqlite3.connect(_migrated())) as migrated, closing(sqlite3.connect(file)) as copied:
        migrated.backup(copied)


def _commands(stack: Stack) -> dict[str, list[str]]:
    python = [sys.executable, "-u"]
    celery = [*python, "-m", "celery", "-A", "config.celery"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    serve = ["--interface", "wsgi", "--host", "127.0.0.1", "--port", str(stack.service_port)]
    serve += ["--workers", str(stack.workers)]
    hook = ["--webhook-url", f"{stack.service}/stripe/webhook/", "--webhook-secret", WEBHOOK_SECRET]
    clock = ["--clock-file", str(stack.folder / "clock")]
    sandbox = [*python, "-m", "billing.sandbox", "--port", str(stack.sandbox_port), *clock]
    return {
        "sandbox": [*sandbox, *(hook if stack.webhooks else [])],
        "web": [*python, "-m", "granian", *serve, "--blocking-threads", str(stack.threads), "config.wsgi:application"],
        "worker": [*celery, "worker", "-P", "threads", "-c", str(stack.threads), "-l", "info", *quiet],
        "schedule": [*celery, "beat", "-l", "info", "--pidfile="],
        "relay": [*python, "manage.py", "relay"],
    }  # fmt: skip


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    """Reach a process and its children: granian serves from one, which would outlive it and keep the port."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _answers(address: str) -> bool:
    try:
        return requests.get(address, timeout=5).ok
    except requests.RequestException:
        return False
