"""What is kept in Redis counts only while what it is of has not changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from redis import Redis as Client

from accounts import shelf
from tests.proofs.processes import services
from tests.proofs.processes.services import Redis

pytestmark = pytest.mark.django_db(transaction=True)

MARA = "reader:1"


@pytest.fixture
def redis(tmp_path: Path, settings: Any) -> Iterator[Redis]:
    services.require(Redis.binary(), "Redis (apt install redis-server)")
    server = Redis(folder=tmp_path)
    server.start()
    settings.REDIS_URL = server.url
    shelf.forget_trouble()
    yield server
    server.stop()
    shelf.forget_trouble()


def kept() -> bytes | None:
    found = shelf.look("session:a", "article:1")
    assert found is not None
    return found.kept


def read_and_keep(text: bytes = b"as read") -> None:
    stamp = shelf.stamp(MARA)
    if stamp is not None:
        shelf.keep("session:a", text, of=MARA, stamp=stamp)


@pytest.mark.usefixtures("redis")
class TestKept:
    def test_is_found_again(self) -> None:
        assert kept() is None
        read_and_keep()
        assert kept() == b"as read"

    def test_is_void_once_it_changes(self) -> None:
        read_and_keep()
        shelf.turn(MARA)
        assert kept() is None

    def test_of_others_stays(self) -> None:
        read_and_keep()
        shelf.turn("reader:2", "device:x")
        assert kept() == b"as read"

    def test_is_not_what_was_read_before_a_change(self) -> None:
        stamp = shelf.stamp(MARA)
        assert stamp is not None
        shelf.turn(MARA)
        shelf.keep("session:a", b"old", of=MARA, stamp=stamp)
        assert kept() is None

    def test_is_not_replaced_by_what_was_read_before_a_change(self) -> None:
        stamp = shelf.stamp(MARA)
        assert stamp is not None
        shelf.turn(MARA)
        read_and_keep(b"new")
        shelf.keep("session:a", b"old", of=MARA, stamp=stamp)
        assert kept() == b"new"

    def test_is_nothing_while_a_transaction_changes_it(self) -> None:
        read_and_keep()
        with transaction.atomic():
            shelf.turn(MARA)
            assert kept() is None
            read_and_keep(b"as it was")
            assert kept() is None
        read_and_keep(b"as it is")
        assert kept() == b"as it is"

    def test_is_nothing_after_a_worker_died_over_the_change(self) -> None:
        read_and_keep()
        with transaction.atomic():
            shelf.turn(MARA)
            transaction.set_rollback(True)
        read_and_keep(b"nobody knows")
        assert kept() is None

    def test_is_void_with_its_stamp(self, redis: Redis) -> None:
        read_and_keep()
        redis.flush()
        assert kept() is None

    def test_stays_while_its_stamp_is_asked_for(self, redis: Redis) -> None:
        """What everybody's answers rest on is asked for all the time, and must not run out for all of them at once."""
        read_and_keep()
        client = Client.from_url(redis.url)
        client.pexpire(f"paywall:stamp:{MARA}", 1_000)
        assert shelf.stamp(MARA) == client.get(f"paywall:stamp:{MARA}")
        assert client.pttl(f"paywall:stamp:{MARA}") > shelf.LONGEST.total_seconds() * 1000

    def test_is_not_held_up_longer_by_those_who_ask_while_it_changes(self, redis: Redis) -> None:
        with transaction.atomic():
            shelf.turn(MARA)
            assert shelf.stamp(MARA) is None
            assert Client.from_url(redis.url).pttl(f"paywall:stamp:{MARA}") <= 10_000

    def test_comes_with_the_stamps_of_others(self) -> None:
        assert shelf.look("nothing", "article:1", "catalogue") == shelf.Found(None, (None, None))
        stamp = shelf.stamp("catalogue")
        assert shelf.look("nothing", "article:1", "catalogue") == shelf.Found(None, (None, stamp))


class TestWithoutRedis:
    def test_nothing_is_kept(self, settings: Any) -> None:
        settings.REDIS_URL = ""
        read_and_keep()
        shelf.turn(MARA)
        assert shelf.look("session:a", "article:1") is None

    def test_that_is_gone_nothing_breaks_and_little_is_waited(self, redis: Redis) -> None:
        read_and_keep()
        redis.kill()
        for _ in range(1000):  # one failure, then it is left alone
            assert shelf.look("session:a", "article:1") is None
        assert shelf.stamp(MARA) is None
        shelf.turn(MARA)
