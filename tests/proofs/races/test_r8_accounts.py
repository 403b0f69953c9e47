"""The proof that of one account, one address and one code there is exactly one, however many ask at the same moment."""

from __future__ import annotations

from collections import Counter
from functools import partial
from http import HTTPStatus
from itertools import count
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import User
from tests.accounts.mailbox import last_code
from tests.factories.accounts import a_reader
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.races.races import at_once, tabs

ADDRESSES = extent(ordinary=1, full=15)
TIMES = 6
CHANGES = extent(ordinary=2, full=15)
APP, PAGE = "/_allauth/app/v1/auth/signup", "/account/signup/"

pytestmark = pytest.mark.django_db(transaction=True)
_hosts = count(1)


def somewhere() -> Client:
    """Return a browser in a network where nobody else is."""
    number = next(_hosts)
    return Client(raise_request_exception=False, REMOTE_ADDR=f"10.{number // 256}.{number % 256}.7")


def said(answer: Any) -> tuple[int, str]:
    """Return what an answer tells, without the token that it carries."""
    told = answer.json() if answer.headers.get("Content-Type", "").startswith("application/json") else {}
    told.get("meta", {}).pop("session_token", None)
    return answer.status_code, str(told or answer.headers.get("Location", ""))


def test_r8_one_address_signs_up_once(figure: Figure) -> None:
    answers, statuses = dict[str, set[Any]](), Counter[int]()
    for number in range(ADDRESSES):
        wish = {"email": f"ada{number}@example.org"}
        for path, kind in ((PAGE, {}), (APP, {"content_type": "application/json"})):
            wishes = [partial(somewhere().post, path, wish, **kind) for _ in range(TIMES)]
            got = [said(answer) for answer in at_once(*wishes)]
            answers.setdefault(path, set()).update(got)
            statuses.update(status for status, _text in got)
    figure(
        "R8",
        f"{connection.vendor}: {ADDRESSES} addresses sign up {2 * TIMES} times, {TIMES} at once: "
        f"{User.objects.count()} readers, {max(map(len, answers.values()))} kinds of answer, "
        f"{dict(sorted(statuses.items()))}",
        target=f"{ADDRESSES} readers, 1 kind, 0 x 5xx",
    )
    assert User.objects.count() == ADDRESSES
    assert {path: len(kinds) for path, kinds in answers.items()} == {PAGE: 1, APP: 1}, answers
    assert set(statuses) == {HTTPStatus.FOUND, HTTPStatus.UNAUTHORIZED}


def test_r8_one_address_is_taken_by_one_reader(figure: Figure) -> None:
    statuses, winners = Counter[int](), 0
    for number in range(CHANGES):
        wanted = f"wanted{number}@example.org"
        both = [a_reader() for _ in range(2)]
        proofs = []
        for reader in both:
            (tab,) = tabs(reader, 1)
            tab.defaults["REMOTE_ADDR"] = f"10.9.{number}.{reader.pk % 250}"
            sent = tab.post("/account/email/", {"email": wanted, "action_add": ""})
            assert sent.status_code == HTTPStatus.FOUND
            proofs.append(partial(tab.post, "/account/confirm-email/", {"code": last_code(wanted)}))
        statuses.update(answer.status_code for answer in at_once(*proofs))
        winners += User.objects.filter(email=wanted).count()
    figure(
        "R8",
        f"{connection.vendor}: {CHANGES} addresses claimed by two readers at once: {winners} changes, "
        f"{dict(sorted(statuses.items()))}",
        target=f"{CHANGES} changes, 0 x 5xx",
    )
    assert winners == CHANGES
    assert max(statuses) < 500


def test_r8_one_code_opens_one_session(figure: Figure) -> None:
    statuses, opened = Counter[int](), Counter[int]()
    for _number in range(CHANGES):
        email = a_reader().email
        first = somewhere()
        first.post("/account/login/", {"login": email})
        second = Client(raise_request_exception=False, REMOTE_ADDR=first.defaults["REMOTE_ADDR"])
        second.cookies = first.cookies.__class__(first.cookies.output(header="", sep=";"))
        typed = {"code": last_code(email)}
        both = [partial(tab.post, "/account/login/code/confirm/", typed) for tab in (first, second)]
        statuses.update(answer.status_code for answer in at_once(*both))
        signed_in = [tab for tab in (first, second) if tab.get("/api/v1/session").json()["reader"]]
        opened[len(signed_in)] += 1
    figure(
        "R8",
        f"{connection.vendor}: {CHANGES} codes typed in two tabs at once: {dict(sorted(opened.items()))} signed in, "
        f"{dict(sorted(statuses.items()))}",
        target="1 of 2 each, 0 x 5xx",
    )
    assert set(opened) == {1}
    assert max(statuses) < 500
