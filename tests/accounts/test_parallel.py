"""The same errand from many threads at once: one account, one mail sent, nobody sees an error."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Any

import pytest
from django.core import mail as django_mail
from django.db import connections
from django.test import Client

from accounts import emails
from accounts.models import User
from tests.factories.accounts import a_mail

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    start, results = threading.Barrier(count), [None] * count

    def run(number: int) -> None:
        try:
            start.wait()
            results[number] = work(number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_sign_ups_of_one_address_make_one_account_and_get_one_answer() -> None:
    def sign_up(number: int) -> tuple[int, str]:
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        answer = client.post("/account/signup/", {"email": "ada@example.org"})
        return answer.status_code, answer.get("Location", "")

    assert set(at_once(6, sign_up)) == {(HTTPStatus.FOUND, "/account/confirm-email/")}
    assert User.objects.count() == 1


def test_sign_ups_of_one_address_over_the_api() -> None:
    def sign_up(number: int) -> int:
        client = Client(REMOTE_ADDR=f"203.0.113.{number}")
        body = {"email": "ada@example.org"}
        return client.post("/_allauth/app/v1/auth/signup", body, content_type="application/json").status_code

    assert set(at_once(6, sign_up)) == {HTTPStatus.UNAUTHORIZED}
    assert User.objects.count() == 1


def test_workers_that_are_rung_for_one_mail_send_it_once(now: datetime) -> None:
    mail = a_mail(now=now)
    assert sorted(at_once(6, lambda _: emails.deliver(mail.pk, now=now))) == [False] * 5 + [True]
    assert len(django_mail.outbox) == 1


def test_callers_that_tell_the_same_queue_one_mail(now: datetime) -> None:
    said = {"kind": "k", "dedup_key": "same", "to": "a@example.org", "subject": "S", "text": "T"}
    assert sorted(at_once(6, lambda _: emails.queue(**said, now=now))) == [False] * 5 + [True]
