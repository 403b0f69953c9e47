"""The proof that no text of an article is in what stands beside the answers: errors, searches, logs, mails, tables."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import redis as redis_client
from django.apps import apps
from django.conf import settings as django_settings
from django.core import mail
from django.db import connection
from kombu import Connection

from accounts import emails
from accounts.models import Mail
from accounts.tasks import deliver_mails
from billing.models import Customer, StripeEvent
from billing.tasks import process_events, sync_customers
from config.management.commands.relay import bells
from tests.architecture.routes import all_routes
from tests.factories.paywall import NOON
from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL
from tests.proofs.leaks import cast, leaks
from tests.proofs.leaks.asking import Answer, ask, queue_files, watching
from tests.proofs.leaks.cast import ARTICLES, PUBLISHED, Caller, Town
from tests.proofs.leaks.findings import READ, look_at
from tests.proofs.processes.services import Redis

pytestmark = pytest.mark.django_db


class TestSearching:
    """Nobody finds out letter by letter what a body says."""

    _PARAMETERS = (
        "q",
        "search",
        "query",
        "filter",
        "body",
        "body__startswith",
        "body__contains",
        "body__regex",
        "o",
    )

    def test_s1_no_question_is_answered_by_what_a_body_says(
        self, town: Town, settings: Any, figure: Figure
    ) -> None:
        callers = (
            "stranger",
            "reader",
            "editor",
            "site",
            *(("lapsed", "support", "superuser") if IS_FULL else ()),
        )
        questions, oracles = 0, []
        for name in callers:
            for path in self._lists(is_desk=name in {"editor", "superuser"}):
                questions += 1
                if self._tells(town.caller(name), path):
                    oracles.append((name, path))
        figure("S1", f"{questions} lists asked for letters of a body: {len(oracles)} tell", target="0")
        assert oracles == []
        settings.ROOT_URLCONF = "tests.proofs.leaks.seeds"
        assert self._tells(town.caller("stranger"), "/api/v1/seed-search")

    def _lists(self, *, is_desk: bool) -> list[str]:
        """Return addresses that might list or search: at the desk those of the admin, else all outside of it."""
        routes = all_routes(samples=cast.samples())
        if is_desk:
            return [
                route.path
                for route in routes
                if route.name.endswith("_changelist") or "autocomplete" in route.name
            ]
        known = ("/api/", "/admin/paywall/article/", *(("/account/",) if IS_FULL else ()))
        return [route.path for route in routes if route.path.startswith(known)]

    def _tells(self, caller: Caller, path: str) -> bool:
        """Whether an answer depends on whether some body holds what was asked for, and on nothing else."""
        right, wrong = leaks.STEM[:9], leaks.STEM[:8] + "x"
        if self._shape(caller, path, right) == self._shape(caller, path, wrong):
            return False
        # A page that is another each time tells nothing by being another.
        rights, wrongs = ({self._shape(caller, path, word) for _ in range(3)} for word in (right, wrong))
        return len(rights) == len(wrongs) == 1 and rights != wrongs

    def _shape(self, caller: Caller, path: str, word: str) -> tuple[int, bytes, str]:
        """Return an answer without the word that was asked for, and without tokens, which are new each time."""
        query = "&".join(f"{name}={word}" for name in self._PARAMETERS)
        answer = ask(caller, "GET", path, query=query)
        content = re.sub(rb"[A-Za-z0-9_-]{20,}", b"", answer.content.replace(word.encode(), b""))
        return answer.status, content, answer.location.replace(word, "")

    def test_s1_what_the_admin_hides_cannot_be_read_letter_by_letter(
        self, town: Town, figure: Figure
    ) -> None:
        """Bodies, password hashes, codes in mails and sessions, secrets of second factors: by no filter either."""
        chief = town.caller("superuser")
        hidden = _hidden_columns(chief)
        told = [
            (path, column)
            for path, column in hidden
            if ask(chief, "GET", path, query=f"{column}__startswith=a").status != 400
        ]
        figure("S1", f"{len(hidden)} hidden columns of the admin: {len(told)} can be filtered by", target="0")
        assert told == []
        assert {"password", "body", "session_data", "text", "data"} <= {column for _path, column in hidden}


def _hidden_columns(chief: Caller) -> list[tuple[str, str]]:
    """Return the columns that no page of the admin shows, with the address of the list."""
    found: list[tuple[str, str]] = []
    samples = cast.samples()
    for route in all_routes(samples=samples):
        if not route.name.endswith("_changelist"):
            continue
        model = apps.get_model(*route.name.removeprefix("admin:").removesuffix("_changelist").split("_"))
        change = samples[f"{route.path[1:]}object_id"]
        pages = (
            ask(chief, "GET", path).content.decode() for path in (route.path, f"{route.path}{change}/change/")
        )
        page = "".join(pages)
        found += [
            (route.path, column.name)
            for column in model._meta.concrete_fields
            if not column.primary_key and not re.search(f"(field|column)-{column.name}", page)
        ]
    return found


@pytest.mark.parametrize("debug", [False, True], ids=["in production", "in debug mode"])
def test_s1_an_error_page_and_its_traces_hold_no_body(
    town: Town, settings: Any, debug: bool, figure: Figure
) -> None:
    """Real failures while the service holds a body, by settings that are broken in different places."""
    settings.ADMINS = [("Desk", "desk@news.example")]
    settings.DEBUG = debug
    found, statuses = [], []
    for breakage in (
        {
            "REST_FRAMEWORK": {**settings.REST_FRAMEWORK, "DATETIME_FORMAT": 5}
        },  # while the answer is put together
        {"DEVICE_COOKIE_NAME": "no good;"},  # when it is ready
        {"TEMPLATES": [{**settings.TEMPLATES[0], "APP_DIRS": False}]},  # no template, that of errors neither
    ):
        before = {name: getattr(settings, name) for name in breakage}
        for name, value in breakage.items():
            setattr(settings, name, value)
        with watching() as watch:
            for name in ("stranger", "lapsed", "subscriber"):
                for path in (
                    READ,
                    "/api/v1/articles/withdrawn/read",
                    "/api/v1/nowhere",
                    "/nowhere",
                    "/account/login/",
                ):
                    answer = ask(town.caller(name), "POST", path, watch=watch)
                    statuses.append(answer.status)
                    found += look_at(town.caller(name), answer, how=str(list(breakage)))
        for name, value in before.items():
            setattr(settings, name, value)
    broken = statuses.count(500)
    figure(
        "S1",
        f"DEBUG={int(debug)}: {broken} x 500, {statuses.count(404)} x 404: {len(found)} leaks",
        target="0",
    )
    assert found == []
    assert broken >= 3
    assert 404 in statuses


def test_s1_a_statement_of_the_cms_is_echoed_nowhere(town: Town, figure: Figure) -> None:
    """Stated right or wrong in each field: no answer, no line, no row but the article's own holds the body."""
    right = {
        "url": "http://localhost:8001/new", "title": "New", "published_at": "2026-11-25T12:00:00Z",
        "demand": "subscriber", "products": ["premium"], "teaser": "Soon.", "body": leaks.body("new"),
    }  # fmt: skip
    wrong: list[dict[str, Any]] = [
        *(
            {**right, name: value}
            for name in right
            if name != "body"
            for value in (None, 5, [], {"a": "b"}, "\ud800")
        ),
        {**right, "bodyy": "x"},
        {**right, "words": -1},
        {**right, "body": {"text": right["body"]}},
        {**right, "body": [right["body"]]},
    ]
    texts = [
        json.dumps(right),
        *map(json.dumps, wrong),
        json.dumps(right)[:-1],
        json.dumps([right]),
        right["body"],
    ]
    site, found, statuses = town.caller("site"), [], []
    with watching() as watch:
        for text in texts:
            for name in ("site", "stranger", "superuser"):
                answer = ask(town.caller(name), "PUT", "/api/v1/articles/new", body=text, watch=watch)
                statuses.append(answer.status)
                found += look_at(town.caller(name), answer, how=text[:60])
    figure("S1", f"{len(texts)} statements: {len(found)} echoes of the body", target="0")
    assert ask(site, "PUT", "/api/v1/articles/new", body=texts[0]).status == 201
    assert found == []
    assert 500 not in statuses


def test_s1_nothing_that_is_stored_beside_the_article_holds_its_body(town: Town, figure: Figure) -> None:
    """Real work, kept: everybody reads, codes are mailed, workers are rung; then everything stored is looked at."""
    with watching() as watch:
        found = [leak for answer in _read_and_sign_in(town) for leak in answer.leaks]
        for bell in bells():
            bell.look(now=NOON)
        files = len(queue_files())
        found += watch.take()
        deliver_mails(ids=emails.due_ids(now=NOON, limit=100))
        mails = len(mail.outbox)
        found += watch.take()
    stored = list(_stored_marks())
    found += [one for one in stored if not one.startswith("paywall_article.body")]
    figure(
        "S1",
        f"{len(connection.introspection.table_names())} tables, {mails} mails, {files} files in the queue: "
        f"{len(found)} hold a body",
        target="0, and the article's own column does",
    )
    assert found == []
    assert len(stored) == len(ARTICLES)
    assert mails
    assert files or django_settings.REDIS_URL


def _read_and_sign_in(town: Town) -> Iterator[Answer]:
    """Let everybody ask for every article, and for a code; all of it stays. What an answer may hold is no leak."""
    for caller in town.callers.values():
        for article in ARTICLES:
            for method, path in (("GET", ""), ("POST", "/read"), ("GET", "/access")):
                answer = ask(caller, method, f"/api/v1/articles/{article}{path}", stays=True)
                if not caller.may_read:
                    yield answer
    for email in (town.ann.email, town.ben.email):
        body = json.dumps({"email": email})
        yield ask(
            town.caller("stranger"), "POST", "/_allauth/app/v1/auth/code/request", body=body, stays=True
        )


def test_s1_redis_holds_no_body(town: Town, redis: Redis, figure: Figure) -> None:
    """The same bells, rung at a Redis: every key and what is under it."""
    with Connection(redis.url) as broker:
        emails.queue(kind="x", dedup_key="x", to="a@readers.example", subject="s", text="t", now=NOON)
        for task, rows in ((deliver_mails, Mail), (process_events, StripeEvent), (sync_customers, Customer)):
            ids = list(rows.objects.values_list("pk", flat=True))
            task.apply_async(kwargs={"ids": ids}, connection=broker)
        clean = _redis_values(redis.url)
        deliver_mails.apply_async(kwargs={"ids": [leaks.body(PUBLISHED)]}, connection=broker)
        seeded = _redis_values(redis.url)
    found = [value for value in clean if leaks.find(value)]
    figure("S1", f"Redis: {len(clean)} values: {len(found)} hold a body", target="0, and a seeded one does")
    assert found == []
    assert len(clean) >= 3
    assert any(leaks.find(value) for value in seeded)


def _redis_values(url: str) -> list[bytes]:
    """Return every key of a Redis, and every value under it."""
    client = redis_client.Redis.from_url(url)
    found: list[bytes] = []
    for key in client.scan_iter():
        kind = client.type(key)
        read = {b"list": client.lrange, b"zset": client.zrange}.get(kind)
        if read is not None:
            found += read(key, 0, -1)
        elif kind == b"hash":
            found += [part for pair in client.hgetall(key).items() for part in pair]
        else:
            found += client.smembers(key) if kind == b"set" else [client.get(key)]
        found.append(key)
    return found


def _stored_marks() -> Iterator[str]:
    """Yield `table.column: what` of every stored value that holds text of a body."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608  a table of ours
            columns = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for column, value in zip(columns, row, strict=True):
                    found = leaks.find(bytes(value) if isinstance(value, memoryview) else str(value))
                    if found:
                        yield f"{table}.{column}: {found}"
