"""Only so many password hashes at once; the rest wait, and beyond that are told that we are busy."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts import passwords
from accounts.errors import Busy
from accounts.passwords import Gate
from tests.factories.accounts import a_reader

_ROOT = Path(__file__).resolve().parents[2]
_THREADS = re.compile(r'--blocking-threads"?,? "?([0-9]+)')


def test_lets_few_in_some_wait_and_turns_the_rest_away() -> None:
    gate = Gate(at_once=2, waiting=3)
    counts = {"inside": 0, "most": 0, "done": 0, "busy": 0}
    lock, start = threading.Lock(), threading.Barrier(12)

    def work() -> None:
        start.wait()
        try:
            with gate.enter():
                with lock:
                    counts["inside"] += 1
                    counts["most"] = max(counts["most"], counts["inside"])
                time.sleep(0.1)
                with lock:
                    counts["inside"] -= 1
                    counts["done"] += 1
        except Busy:
            with lock:
                counts["busy"] += 1

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == {"inside": 0, "most": 2, "done": 5, "busy": 7}


def test_gives_the_place_back_after_a_failure() -> None:
    gate = Gate(at_once=1, waiting=0)
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), gate.enter():
            raise ZeroDivisionError


@pytest.mark.parametrize("start", ["compose.yaml", "config/management/commands/demo.py"])
def test_leaves_a_thread_to_those_who_read(settings: Any, start: str) -> None:
    (threads,) = map(int, _THREADS.findall((_ROOT / start).read_text()))
    assert threads > settings.PASSWORD_CHECKS_AT_ONCE + settings.PASSWORD_CHECKS_WAITING


@pytest.mark.django_db
class TestBusy:
    @pytest.fixture(autouse=True)
    def full(self, settings: Any) -> Iterator[ExitStack]:
        """Hold every place of the gate; closing what is returned gives them back."""
        a_reader("ada@example.org", password="correct horse battery")
        with ExitStack() as places:
            for _ in range(settings.PASSWORD_CHECKS_AT_ONCE + settings.PASSWORD_CHECKS_WAITING):
                places.enter_context(passwords.GATE._places)
            yield places

    def test_on_the_page(self) -> None:
        answer = Client().post(
            "/account/login/", {"login": "ada@example.org", "password": "correct horse battery"}
        )
        self._is_busy(answer)

    def test_on_the_page_for_an_unknown_address_alike(self) -> None:
        self._is_busy(Client().post("/account/login/", {"login": "eve@example.org", "password": "x"}))

    def test_in_the_api(self) -> None:
        body = {"email": "ada@example.org", "password": "correct horse battery"}
        answer = Client().post("/_allauth/app/v1/auth/login", body, content_type="application/json")
        self._is_busy(answer)
        assert answer.json()["errors"][0]["code"] == "busy"

    def test_counts_against_nobody(self, full: ExitStack) -> None:
        body = {"login": "ada@example.org", "password": "correct horse battery"}
        for _ in range(8):
            Client().post("/account/login/", body)
        full.close()
        assert Client().post("/account/login/", body).status_code == HTTPStatus.FOUND

    def test_leaves_codes_alone(self) -> None:
        assert Client().post("/account/login/", {"login": "ada@example.org"}).status_code == HTTPStatus.FOUND

    def _is_busy(self, answer: Any) -> None:
        assert answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE
        assert answer["Retry-After"] == "2"
