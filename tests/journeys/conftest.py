"""The whole product as its users meet it: the demo's processes, real HTTP, a real browser."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import psycopg
import psycopg.sql
import pytest
import requests
from playwright.sync_api import expect

ROOT = Path(__file__).resolve().parents[2]
_START_SECONDS = 180

T = TypeVar("T")

# Two cores may run two demos, their workers and two browsers at once.
expect.set_options(timeout=30_000)


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo: where everything is, and how to make a month pass."""

    service: str
    newspaper: str
    sandbox: str
    var: Path
    process: subprocess.Popen[str]
    seconds_to_first_page: float

    def advance(self, **span: float) -> None:
        """Move the sandbox's clock and wait until every webhook of it was delivered."""
        requests.post(f"{self.sandbox}/_control/advance", json=span, timeout=60).raise_for_status()
        self.wait_for_deliveries()

    def swap_card(self, *, customer: str, number: str) -> None:
        """Replace the card on file at the sandbox, as a bank's change or a stolen card would."""
        body = {"customer": customer, "card": number}
        requests.post(f"{self.sandbox}/_control/card", json=body, timeout=20).raise_for_status()
        self.wait_for_deliveries()

    def now(self) -> datetime:
        """Return the moment that it is in this demo."""
        answer = requests.get(f"{self.sandbox}/_control/clock", timeout=20).json()
        return datetime.fromtimestamp(answer["now"], tz=UTC)

    def wait_for_deliveries(self) -> None:
        """Wait until the sandbox has delivered every webhook."""
        wait_for(lambda: self._pending() == 0, what="the sandbox's deliveries")

    def stripe(self, path: str, **params: str) -> Any:
        """Ask the sandbox as Stripe's API would be asked."""
        headers = {"Authorization": "Bearer sk_test_demo0123456789"}
        answer = requests.get(f"{self.sandbox}/v1/{path}", params=params, headers=headers, timeout=20)
        answer.raise_for_status()
        return answer.json()

    def mails(self, *, to: str) -> list[str]:
        """Return subject and text of every mail to this address, oldest first."""
        found: list[tuple[float, str]] = []
        for file in (self.var / "mail").glob("*.log"):
            for raw in file.read_bytes().split(b"\n" + b"-" * 79 + b"\n"):
                message = message_from_bytes(raw.lstrip(), policy=policy.default)
                if to not in str(message["To"]):
                    continue
                part = message.get_body(preferencelist=("plain",))
                text = part.get_content() if part else ""
                found.append((file.stat().st_mtime, f"{message['Subject']}\n{text}"))
        return [text for _, text in sorted(found)]

    def wait_for_mail(self, *, to: str, containing: str) -> str:
        """Return the newest mail to this address with these words, waiting until it is there."""
        return wait_for(
            lambda: next((mail for mail in reversed(self.mails(to=to)) if containing in mail), None),
            what=f"a mail with {containing!r}",
        )

    def newest_code(self, *, to: str, after: int = 0) -> str:
        """Return the code in the newest mail to this address, once more than `after` mails have come."""

        def code() -> str | None:
            mails = self.mails(to=to)
            match = (
                re.search(r"^\s*([A-Z0-9]{4}-?[A-Z0-9]{2,4})\s*$", mails[-1], re.MULTILINE) if mails else None
            )
            return match[1] if match and len(mails) > after else None

        return wait_for(code, what="a mailed code")

    def _pending(self) -> int:
        state = requests.get(f"{self.sandbox}/_control/deliveries", timeout=20).json()
        return int(state["pending"])


def wait_for(find: Callable[[], T | None], *, what: str, seconds: float = 60) -> T:
    """Return what `find` returns once it is something, looking a few times a second."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = find()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"Waited {seconds:.0f} s for {what}.")


@pytest.fixture(scope="package")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """Start the demo as a newcomer would, on free ports and a database of its own; stop it as they would."""
    port = _three_free_ports()
    var = tmp_path_factory.mktemp("demo")
    output = var / "output.txt"
    started = time.monotonic()
    command = [sys.executable, "manage.py", "demo", "--port", str(port)]
    with output.open("w") as sink, _database() as database_url:
        environment = {**_clean_environment(), "VAR_DIR": str(var), **database_url}
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=sink, stderr=subprocess.STDOUT, text=True
        )
        try:
            wait_for(
                lambda: "Ctrl-C stops everything" in output.read_text() or process.poll() is not None,
                what="the demo",
                seconds=_START_SECONDS,
            )
            assert process.poll() is None, output.read_text()
            yield Demo(
                service=f"http://localhost:{port}",
                newspaper=f"http://localhost:{port + 1}",
                sandbox=f"http://localhost:{port + 2}",
                var=var,
                process=process,
                seconds_to_first_page=time.monotonic() - started,
            )
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
    assert "Everything is stopped." in output.read_text()


def _clean_environment() -> dict[str, str]:
    """Leave out what tests/environment.py set for this process: the demo has its own."""
    ours = (
        "DEBUG VAR_DIR CLOCK_FILE SITE_URL STRIPE_SECRET_KEY STRIPE_WEBHOOK_SECRETS STRIPE_API_BASE SITE_API_KEYS "
        "CORS_ALLOWED_ORIGINS EMAIL_URL DATABASE_URL DJANGO_SETTINGS_MODULE"
    )
    kept = {name: value for name, value in os.environ.items() if name not in ours.split()}
    if kept.get("REDIS_URL"):
        # A database of its own: the demo's worker must not take what other tests put into the queue.
        kept["REDIS_URL"] = urlsplit(kept["REDIS_URL"])._replace(path="/1").geturl()
    return kept


def _three_free_ports() -> int:
    for first in range(8100 + os.getpid() % 500 * 3, 20000, 3):
        if all(_is_free(first + offset) for offset in range(3)):
            return first
    raise AssertionError("No three free ports in a row.")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@contextmanager
def _database() -> Iterator[dict[str, str]]:
    """Make a Postgres database for the demo where the tests run on Postgres; else it uses its own SQLite file."""
    url = os.environ.get("DATABASE_URL", "")
    if not url.startswith("postgres"):
        yield {}
        return
    name = f"demo_{os.getpid()}"
    with psycopg.connect(url, autocommit=True) as server:
        server.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))
        yield {"DATABASE_URL": urlsplit(url)._replace(path=f"/{name}").geturl()}
        drop = psycopg.sql.SQL("DROP DATABASE {} WITH (FORCE)")
        server.execute(drop.format(psycopg.sql.Identifier(name)))
