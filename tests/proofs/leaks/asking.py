"""Asking any address as anybody, in a world that stays as it is: whatever a request writes is taken back.

What comes out is looked through on every way on which it may: the answer with its headers, every log line, every row
that is written, mails, the queue.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import mail
from django.db import connection, transaction
from django.http.response import HttpResponseBase
from django.test import Client
from psycopg.types.json import Jsonb

from tests.proofs.leaks import leaks
from tests.proofs.leaks.cast import ARTICLES, Caller

# The one table that holds bodies.
_HOME = "paywall_article"
JSON = "application/json"
# Two for all, since it takes a client a while to load the middleware.
_CLIENTS = {
    checks: Client(raise_request_exception=False, enforce_csrf_checks=checks) for checks in (False, True)
}
BODIES = {
    "/api/v1/access": json.dumps({"articles": list(ARTICLES)}),
    "/api/v1/access/token": json.dumps({"site": "http://localhost:8001"}),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What one request came to; `leaks` says on which ways text of a body came out."""

    method: str
    path: str
    status: int
    location: str
    cache_control: str
    leaks: tuple[str, ...]
    content: bytes = b""


@dataclass(slots=True)
class Watch:
    """Looks at everything that leaves while it is open, answers aside."""

    seen: list[str] = field(default_factory=list)

    def take(self) -> tuple[str, ...]:
        """Return what came out since the last time."""
        self._look_at_mails()
        self._look_at_queue()
        taken, self.seen = tuple(self.seen), []
        return taken

    def note(self, way: str, what: bytes | str) -> None:
        """Look at something that leaves on a certain way."""
        found = leaks.find(what)
        if found:
            self.seen.append(f"{way}: {found}")

    def written(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Look at every value that a statement carries to the database; Django's `execute_wrapper`."""
        if params and _HOME not in sql:
            for value in _values(params):
                self.note(f"row {sql[:40]}", value)
        return execute(sql, params, many, context)

    def _look_at_mails(self) -> None:
        for message in getattr(mail, "outbox", []):
            self.note("mail", message.message().as_bytes())
        if getattr(mail, "outbox", None):
            mail.outbox.clear()

    def _look_at_queue(self) -> None:
        for file in queue_files():
            self.note("queue", file.read_bytes())
            file.unlink()


class _Ear(logging.Handler):
    def __init__(self, watch: Watch) -> None:
        super().__init__(logging.DEBUG)
        self._watch = watch
        self.setFormatter(logging.Formatter("%(name)s %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Look at the line, its trace and whatever else was given with it."""
        self._watch.note(f"log {record.name}", self.format(record))
        extras = {name: value for name, value in record.__dict__.items() if name not in {"msg", "args"}}
        self._watch.note(f"log {record.name}", repr(extras))


def queue_files() -> list[Path]:
    """Return what lies in the file queue."""
    return list((Path(settings.VAR_DIR) / "queue").glob("*.msg"))


@contextmanager
def watching() -> Iterator[Watch]:
    """Hear every logger at its most talkative, and see every row that is written."""
    watch = Watch()
    ear = _Ear(watch)
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict]
    before = [(logger, logger.level, logger.propagate, logger.disabled) for logger in loggers]
    root = logging.root.level
    logging.root.addHandler(ear)
    logging.root.setLevel(logging.DEBUG)
    quiet = [(handler, handler.level) for handler in logging.root.handlers if handler is not ear]
    for handler, _level in quiet:
        handler.setLevel(logging.CRITICAL + 1)
    for logger in loggers:
        logger.level, logger.propagate, logger.disabled = logging.NOTSET, True, False
    logging.root.manager._clear_cache()  # type: ignore[attr-defined]  # levels were set past it
    try:
        with connection.execute_wrapper(watch.written):
            yield watch
    finally:
        logging.root.removeHandler(ear)
        logging.root.setLevel(root)
        for handler, level in quiet:
            handler.setLevel(level)
        for logger, level, propagate, disabled in before:
            logger.level, logger.propagate, logger.disabled = level, propagate, disabled
        logging.root.manager._clear_cache()  # type: ignore[attr-defined]


def ask(
    caller: Caller,
    method: str,
    path: str,
    *,
    watch: Watch | None = None,
    query: str = "",
    headers: Mapping[str, str] | None = None,
    body: bytes | str | None = None,
    content_type: str = JSON,
    checks_csrf: bool = False,
    keep: bool = True,
    stays: bool = False,
) -> Answer:
    """Ask once, and take back what it changed in the database unless it `stays`; `keep` the content with the answer."""
    client = _CLIENTS[checks_csrf]
    client.cookies = SimpleCookie({settings.SESSION_COOKIE_NAME: caller.session} if caller.session else {})
    sent = {"X-Original-URI": "/harbour-vote", **caller.headers, **(headers or {})}
    address = path + "".join(
        f"{'&' if number else '?'}{part}" for number, part in enumerate(filter(None, (query, caller.query)))
    )
    payload = body if body is not None else BODIES.get(path.split("?", maxsplit=1)[0], "{}")
    options: dict[str, Any] = {} if method in {"GET", "HEAD"} else {"data": payload}
    with transaction.atomic():
        response = client.generic(method, address, content_type=content_type, headers=sent, **options)
        answer = _read(method, address, response, watch, keep=keep)
        transaction.set_rollback(not stays)
    return answer


def _read(
    method: str, address: str, response: HttpResponseBase, watch: Watch | None, *, keep: bool
) -> Answer:
    content = b"".join(response) if response.streaming else response.content
    ways = {"content": content, "reason": response.reason_phrase}
    ways |= {f"header {name}": value for name, value in response.headers.items()}
    ways |= {f"cookie {name}": morsel.OutputString() for name, morsel in response.cookies.items()}
    found = [f"{way}: {what}" for way, text in ways.items() if (what := leaks.find(text))]
    return Answer(
        method=method,
        path=address,
        status=response.status_code,
        location=response.headers.get("Location", ""),
        cache_control=response.headers.get("Cache-Control", ""),
        leaks=(*found, *(watch.take() if watch else ())),
        content=content if keep else b"",
    )


def _values(params: Any) -> Iterator[bytes | str]:
    rows = params.values() if isinstance(params, Mapping) else params
    for value in rows:
        if isinstance(value, bytes | str):
            yield value
        elif isinstance(value, memoryview | bytearray):
            yield bytes(value)
        elif isinstance(value, Jsonb):  # as Postgres is given JSON; its own text is cut short
            yield json.dumps(value.obj)
        elif isinstance(value, list | tuple | Mapping):
            yield from _values(value)
        elif value is not None and not isinstance(value, int | float):
            yield str(value)
