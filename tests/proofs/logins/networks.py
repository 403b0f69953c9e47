"""Callers from networks of their own: each connects from its own address of this machine, as readers do from theirs."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar
from urllib.parse import urlsplit

from tests.proofs.processes.services import wait_until

_Answer = TypeVar("_Answer")
_BETWEEN_MAILS = f"\n{'-' * 79}\n"
_CODE = re.compile(r"^\s*([0-9]{6}|[A-Z]{4}-[A-Z]{4}-[A-Z]{4})\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Told:
    """What the service answered."""

    status: int
    document: dict[str, Any]

    @property
    def codes(self) -> set[str]:
        """The codes of what went wrong."""
        return {error["code"] for error in self.document.get("errors", [])}

    @property
    def is_signed_in(self) -> bool:
        """Whether allauth says that somebody is signed in now."""
        return self.status == http.HTTPStatus.OK and bool(self.document["meta"]["is_authenticated"])


@dataclass(slots=True)
class NetworkApp:
    """An app on a device, in a network."""

    service: str
    network: str
    device: str = ""
    token: str = ""
    forwarded: str = ""

    def post(self, path: str, **body: str) -> Told:
        """Call allauth's API; keep the token that it hands out."""
        told = self.ask("POST", f"/_allauth/app/v1/{path}", body)
        self.token = told.document.get("meta", {}).get("session_token", self.token)
        return told

    def get(self, path: str) -> Told:
        """Ask for a page of our API."""
        return self.ask("GET", path, {})

    def ask(self, method: str, path: str, body: dict[str, str]) -> Told:
        """Send one request over a connection of its own."""
        at = urlsplit(self.service)
        line = http.client.HTTPConnection(
            at.hostname or "", at.port, timeout=120, source_address=(self.network, 0)
        )
        headers = {
            "Content-Type": "application/json",
            "X-Session-Token": self.token,
            "X-Device-Id": self.device,
            "X-Forwarded-For": self.forwarded,
        }
        try:
            given = {name: value for name, value in headers.items() if value}
            line.request(method, path, json.dumps(body) if body else None, given)
            answer = line.getresponse()
            text = answer.read()
        finally:
            line.close()
        return Told(answer.status, json.loads(text) if text.startswith(b"{") else {})

    def again(self) -> NetworkApp:
        """Return the same app in the same session, for another request at the same moment."""
        return NetworkApp(self.service, self.network, self.device, self.token, self.forwarded)


@dataclass(slots=True)
class MailFolder:
    """Where the service puts its mail: files of one mail or, where two processes choose one name, of several."""

    folder: Path
    read: set[tuple[Path, int]] = field(default_factory=set)

    def pass_over(self, to: str, *, count: int) -> None:
        """Wait for so many mails to `to`, which go out after the answers that promised them, and leave them unread."""
        wait_until(lambda: len(self._to(to)) >= count, what=f"{count} mails")
        self.read.update(self._to(to))

    def code(self, to: str) -> str | None:
        """Return the code of a mail to `to` that was not read before; None while there is none."""
        for place, text in self._to(to).items():
            found = _CODE.search(text)
            if place not in self.read and found is not None:
                self.read.add(place)
                return found[1]
        return None

    def _to(self, to: str) -> dict[tuple[Path, int], str]:
        return {
            (file, number): text
            for file in self.folder.glob("*.log")
            for number, text in enumerate(file.read_text().split(_BETWEEN_MAILS))
            if f"To: {to}" in text
        }


def at_once(works: Iterable[Callable[[], _Answer]]) -> list[_Answer]:
    """Do all of it at the same moment; return the answers in order."""
    todo = list(works)
    barrier = Barrier(len(todo))

    def run(work: Callable[[], _Answer]) -> _Answer:
        barrier.wait()
        return work()

    with ThreadPoolExecutor(len(todo)) as pool:
        return list(pool.map(run, todo))
