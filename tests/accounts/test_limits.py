"""Guessing is bounded, and a stranger who guesses does not lock the owner out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client, RequestFactory

from accounts import limits
from accounts.adapter import AccountAdapter
from accounts.models import User
from tests.accounts.mailbox import kinds, last_code
from tests.factories.accounts import a_reader

LOGIN, CODE = "/account/login/", "/account/login/code/confirm/"
RIGHT = "correct horse battery"
NOWHERE = "0.0.0.0"  # noqa: S104  what we count an address as that nobody can tell

pytestmark = pytest.mark.django_db


def signs_in(client: Client, password: str = RIGHT, **headers: Any) -> bool:
    answer = client.post(LOGIN, {"login": "ada@example.org", "password": password}, **headers)
    return bool(answer.status_code == 302)


@pytest.fixture
def owner() -> User:
    return a_reader("ada@example.org", password=RIGHT)


@pytest.mark.usefixtures("owner")
class TestPasswords:
    def test_five_wrong_ones_close_the_door_for_that_network_only(self) -> None:
        stranger = {"REMOTE_ADDR": "203.0.113.9"}
        for _ in range(5):
            assert not signs_in(Client(), "wrong", **stranger)
        assert not signs_in(Client(), **stranger)
        assert signs_in(Client(), REMOTE_ADDR="198.51.100.7")

    def test_a_known_device_gets_in_from_the_strangers_network(self) -> None:
        mine = Client()
        assert signs_in(mine)
        mine.post("/account/logout/")
        for _ in range(6):
            signs_in(Client(), "wrong")
        assert signs_in(mine)

    def test_a_known_device_gets_in_however_much_its_network_tries(self) -> None:
        mine = Client()
        assert signs_in(mine)
        mine.post("/account/logout/")
        for number in range(40):
            Client().post(LOGIN, {"login": f"reader{number}@example.org", "password": "wrong"})
        assert not signs_in(Client())
        assert signs_in(mine)

    def test_guesses_from_many_networks_end_but_codes_and_known_devices_go_on(self) -> None:
        mine = Client()
        assert signs_in(mine, REMOTE_ADDR="198.51.100.7")
        mine.post("/account/logout/")
        for number in range(50):
            signs_in(Client(), "wrong", REMOTE_ADDR=f"203.0.113.{number}")
        assert not signs_in(Client(), REMOTE_ADDR="192.0.2.1")
        assert signs_in(mine, REMOTE_ADDR="198.51.100.7")
        elsewhere = Client(REMOTE_ADDR="192.0.2.2")
        elsewhere.post(LOGIN, {"login": "ada@example.org"})
        assert elsewhere.post(CODE, {"code": last_code("ada@example.org")}).status_code == 302

    def test_the_right_one_costs_nothing(self) -> None:
        for _ in range(8):
            assert signs_in(Client())


@pytest.mark.usefixtures("owner")
class TestCodes:
    def test_are_counted_for_each_network(self) -> None:
        for _ in range(7):
            Client().post(LOGIN, {"login": "ada@example.org"}, REMOTE_ADDR="203.0.113.9")
        assert kinds("ada@example.org") == ["login_code"] * 5
        Client().post(LOGIN, {"login": "ada@example.org"}, REMOTE_ADDR="198.51.100.7")
        assert kinds("ada@example.org") == ["login_code"] * 6

    def test_reach_a_known_device_however_many_its_network_asks_for(self) -> None:
        mine = Client()
        assert signs_in(mine)
        mine.post("/account/logout/")
        for number in range(30):
            Client().post(LOGIN, {"login": f"reader{number}@example.org"})
        Client().post(LOGIN, {"login": "ada@example.org"})
        assert kinds("ada@example.org") == []
        mine.post(LOGIN, {"login": "ada@example.org"})
        assert mine.post(CODE, {"code": last_code("ada@example.org")}).status_code == 302

    def test_grow_beyond_guessing_under_siege_and_still_work(self) -> None:
        for number in range(10):
            Client().post(LOGIN, {"login": "ada@example.org"}, REMOTE_ADDR=f"203.0.113.{number}")
        assert len(last_code("ada@example.org")) == 6
        mine = Client(REMOTE_ADDR="198.51.100.7")
        mine.post(LOGIN, {"login": "ada@example.org"})
        code = last_code("ada@example.org")
        assert len(code) == len("ABCD-EFGH-JKLM")
        mine.post(CODE, {"code": code.lower().replace("-", " ")})
        assert mine.get("/api/v1/session").json()["reader"] is not None

    def test_are_limited_alike_for_addresses_that_nobody_has(self) -> None:
        def asks(email: str) -> list[tuple[int, bool]]:
            answers = [Client().post(LOGIN, {"login": email}) for _ in range(6)]
            return [(answer.status_code, b"Too many" in answer.content) for answer in answers]

        assert asks("ada@example.org") == asks("nobody@example.org")


class TestClientAddress:
    @pytest.mark.parametrize(
        ("proxies", "forwarded", "expected"),
        [
            (0, "203.0.113.9", "10.0.0.1"),
            (1, "203.0.113.9", "203.0.113.9"),
            (1, "6.6.6.6, 203.0.113.9", "203.0.113.9"),
            (2, "6.6.6.6, 203.0.113.9, 10.1.1.1", "203.0.113.9"),
            (2, "203.0.113.9", "203.0.113.9"),
            (1, "", "10.0.0.1"),
            (1, "nonsense", NOWHERE),
            (1, "[2001:db8::1]:443", "2001:db8::1"),
        ],
    )
    def test_believes_only_our_own_proxies(
        self, settings: Any, proxies: int, forwarded: str, expected: str
    ) -> None:
        settings.TRUSTED_PROXIES = proxies
        request = RequestFactory().get("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=forwarded)
        assert AccountAdapter().get_client_ip(request) == expected

    def test_of_a_socket_without_one_is_still_an_answer(self) -> None:
        request = RequestFactory().get("/")
        del request.META["REMOTE_ADDR"]
        assert AccountAdapter().get_client_ip(request) == NOWHERE


def test_a_made_up_device_is_no_known_device(owner: User) -> None:
    request = RequestFactory().post("/", HTTP_X_DEVICE_ID="x:y", REMOTE_ADDR="203.0.113.9")
    assert limits.place(request, email="ada@example.org") == "ada@example.org from 203.0.113.9"


def test_nobody_can_crowd_a_count_out_of_the_cache(owner: User) -> None:
    request = RequestFactory().post("/", REMOTE_ADDR="203.0.113.9")
    while limits.may_guess(request, email=owner.email) is not None:
        pass
    cache.set_many({f"crowd:{number}": [1.0] for number in range(400)}, 3600)
    assert limits.may_guess(request, email=owner.email) is None


def test_what_has_run_out_is_forgotten_and_the_rest_is_kept() -> None:
    cache.set("short", "x", 60)
    cache.set("long", "x", 7200)
    assert limits.forget_expired(now=datetime.now(UTC) + timedelta(hours=1)) == 1
    assert (cache.get("short"), cache.get("long")) == (None, "x")


def test_promotion_codes_are_counted_by_reader_and_by_place() -> None:
    """Words that people make are soon guessed by somebody with many accounts."""
    here, elsewhere = (
        RequestFactory().get("/", REMOTE_ADDR=address) for address in ("192.0.2.7", "198.51.100.7")
    )
    assert all(limits.may_try_promotion(here, reader=f"rdr_{number % 5}") for number in range(100))
    assert not limits.may_try_promotion(here, reader="rdr_another")
    assert limits.may_try_promotion(elsewhere, reader="rdr_another")


def test_gift_codes_are_counted_by_place_too() -> None:
    here, elsewhere = (
        RequestFactory().get("/", REMOTE_ADDR=address) for address in ("192.0.2.7", "198.51.100.7")
    )
    assert all(limits.may_type_gift_code(here, reader=f"rdr_{number % 5}") for number in range(30))
    assert not limits.may_type_gift_code(here, reader="rdr_another")
    assert limits.may_type_gift_code(elsewhere, reader="rdr_another")
