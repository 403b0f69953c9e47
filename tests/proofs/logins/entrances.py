"""The entrances: every place where a stranger may type an address, and what can be done there without proving it.

Each is walked to its end by somebody who has no mailbox: ask, look, guess wrongly, ask again. `walk` returns all that
such a person can see, with what differs from call to call (tokens, keys) taken out.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from django.db import connection
from django.test import Client

WRONG = "wrong1"
_EVER_DIFFERENT = re.compile(
    r'(?<=name="csrfmiddlewaretoken" value=")\w+|(?<="session_token": ")\w+|(?<="challenge": ")[\w-]+'
)
_STATEMENT = re.compile(r'(?:INTO|UPDATE|FROM)\s+"?(\w+)"?')
_networks = count(1)


@dataclass(frozen=True, slots=True)
class Step:
    """One request; `{email}` in a value stands for the address."""

    method: str
    path: str
    body: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Entrance:
    """A way in for `kind` (`pages`, `app` or `browser`): what is asked first, and what can be tried afterwards."""

    name: str
    kind: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What one answer shows to whoever asked."""

    step: str
    status: int
    headers: tuple[tuple[str, str], ...]
    cookies: tuple[str, ...]
    body: str


@dataclass(slots=True)
class Work:
    """What the first request of a walk cost us."""

    statements: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def all_entrances() -> list[Entrance]:
    """Return every one, for pages, apps and browsers."""
    return [*_pages(), *(entrance for kind in ("app", "browser") for entrance in _headless(kind))]


def walk(entrance: Entrance, email: str, *, steps: int | None = None) -> tuple[list[Seen], Work]:
    """Go through an entrance with `email`, from a network and a browser that nobody has seen."""
    caller, work = _Caller(entrance.kind), Work()
    seen = []
    for step in entrance.steps[:steps]:
        with ExitStack() as measured:
            if not seen:
                measured.enter_context(connection.execute_wrapper(_counting(work.statements)))
            began = time.perf_counter()
            answer = caller.ask(step, email)
            work.seconds = work.seconds or time.perf_counter() - began
        seen.append(_seen(step, answer, email))
    return seen, work


class _Caller:
    """A stranger with a fresh browser or app."""

    def __init__(self, kind: str) -> None:
        number = next(_networks)
        address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        self._client, self._kind, self._token = (
            Client(raise_request_exception=False, REMOTE_ADDR=address),
            kind,
            "",
        )

    def ask(self, step: Step, email: str) -> Any:
        body = {name: value.format(email=email) for name, value in step.body.items()}
        if self._kind == "pages":
            return self._client.generic(
                step.method, step.path, _form(body), content_type="application/x-www-form-urlencoded"
            )
        token = {"X-Session-Token": self._token} if self._token else {}
        answer = self._client.generic(
            step.method,
            f"/_allauth/{self._kind}/v1/{step.path}",
            json.dumps(body) if step.method != "GET" else "",
            content_type="application/json",
            headers={**step.headers, **token},
        )
        if answer["Content-Type"] == "application/json":
            self._token = answer.json().get("meta", {}).get("session_token", self._token)
        return answer


def _pages() -> Iterator[Entrance]:
    login, code = "/account/login/", "/account/login/code/confirm/"
    typed = [Step("GET", code), *[Step("POST", code, {"code": WRONG})] * 2]
    resent = [Step("POST", code, {"action": "resend"}), Step("GET", code)]
    ended = [Step("POST", code, {"code": WRONG}), Step("GET", code), Step("GET", login)]
    after = (*typed, *resent, *ended)
    yield Entrance("code", "pages", (Step("POST", login, {"login": "{email}"}), *after))
    yield Entrance("code page", "pages", (Step("POST", "/account/login/code/", {"email": "{email}"}), *after))
    guess = Step("POST", login, {"login": "{email}", "password": "wrong"})
    yield Entrance("password", "pages", (guess,) * 7)
    signup, prove = "/account/signup/", "/account/confirm-email/"
    yield Entrance(
        "sign-up",
        "pages",
        (
            *(Step("POST", signup, {"email": "{email}"}), Step("GET", prove), Step("GET", signup)),
            *(Step("POST", prove, {"code": WRONG}), Step("POST", prove, {"action": "resend"})),
            Step("POST", prove, {"action": "change", "email": "other@example.org"}),
            *[*[Step("POST", prove, {"code": WRONG})] * 2, Step("GET", prove), Step("GET", login)],
        ),
    )
    reset, confirm = "/account/password/reset/", "/account/password/reset/confirm/"
    yield Entrance(
        "reset",
        "pages",
        (
            *(Step("POST", reset, {"email": "{email}"}), Step("GET", confirm)),
            *[Step("POST", confirm, {"code": WRONG})] * 3,
            *(Step("GET", confirm), Step("GET", "/account/password/reset/complete/")),
        ),
    )


def _headless(kind: str) -> Iterator[Entrance]:
    asked, session = {"email": "{email}"}, Step("GET", "auth/session")
    wrong = Step("POST", "auth/code/confirm", {"code": WRONG})
    again = Step("POST", "auth/code/resend")
    first = Step("POST", "auth/code/request", asked)
    yield Entrance("code", kind, (first, session, wrong, again, again, wrong, wrong, wrong, session))
    guess = Step("POST", "auth/login", {**asked, "password": "wrong"})
    yield Entrance("password", kind, (guess,) * 7)
    wrong = Step("POST", "auth/email/verify", {"key": WRONG})
    looked = Step("GET", "auth/email/verify", headers={"X-Email-Verification-Key": WRONG})
    again = Step("POST", "auth/email/verify/resend")
    change = Step("POST", "account/email", {"email": "other@example.org"})
    first = Step("POST", "auth/signup", asked)
    yield Entrance("sign-up", kind, (first, session, wrong, again, change, looked, wrong, wrong, session))
    wrong = Step("POST", "auth/password/reset", {"key": WRONG, "password": "correct horse battery"})
    weak = Step("POST", "auth/password/reset", {"key": WRONG, "password": "{email}"})
    looked = Step("GET", "auth/password/reset", headers={"X-Password-Reset-Key": WRONG})
    first = Step("POST", "auth/password/request", asked)
    yield Entrance("reset", kind, (first, session, looked, weak, wrong, wrong, session))


def _form(body: Mapping[str, str]) -> str:
    return "&".join(f"{name}={value.replace('@', '%40').replace(' ', '+')}" for name, value in body.items())


def _seen(step: Step, answer: Any, email: str) -> Seen:
    body = _EVER_DIFFERENT.sub("*", answer.content.decode())
    headers = {name: value for name, value in answer.headers.items() if name != "Expires"}
    return Seen(
        step=f"{step.method} {step.path}",
        status=answer.status_code,
        headers=tuple(sorted((name, value.replace(email, "*")) for name, value in headers.items())),
        cookies=tuple(sorted(_without_value(morsel) for morsel in answer.cookies.values())),
        body=body.replace(email, "*"),
    )


def _without_value(morsel: Any) -> str:
    told = {name: value for name, value in morsel.items() if value and name != "expires"}
    return f"{morsel.key} {'set' if morsel.value else 'empty'} {sorted(told.items())}"


def _counting(statements: Counter[str]) -> Callable[..., Any]:
    def run(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        table, verb = _STATEMENT.search(sql), sql.split(maxsplit=1)[0]
        # Whether a limit has a row already says who asked before, not whom we know.
        if table and table[1] == "cache" and verb in {"INSERT", "UPDATE"}:
            verb = "UPDATE"
        statements[f"{verb} {table[1] if table else ''}".strip()] += 1
        return execute(sql, params, many, context)

    return run
