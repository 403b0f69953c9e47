"""A Postgres that restarts is asked a second time; one that stays away is not waited for again and again."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import psycopg
import pytest

from config.postgres import base
from config.postgres.base import DatabaseWrapper, Outage


def test_only_a_young_outage_is_worth_a_wait() -> None:
    outage = Outage()
    assert outage.is_young(moment=100.0)
    assert outage.is_young(moment=101.9)
    assert not outage.is_young(moment=102.0)
    outage.end()
    assert outage.is_young(moment=200.0)


@pytest.fixture
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: connections are refused
        yield taken.getsockname()[1]


def test_a_server_that_stays_away_costs_one_pause_and_then_none(closed_port: int) -> None:
    base._outage.end()
    assert _seconds_to_fail(closed_port) >= base._PAUSE
    base._outage.began = time.monotonic() - base._PATIENCE
    assert _seconds_to_fail(closed_port) < base._PAUSE
    base._outage.end()


def _seconds_to_fail(port: int) -> float:
    wrapper = DatabaseWrapper(_settings(port))
    began = time.monotonic()
    with pytest.raises(psycopg.OperationalError):
        wrapper.get_new_connection(wrapper.get_connection_params())
    return time.monotonic() - began


def _settings(port: int) -> dict[str, object]:
    return {
        "NAME": "nowhere", "USER": "nobody", "PASSWORD": "", "HOST": "127.0.0.1", "PORT": port, "OPTIONS": {},
        "AUTOCOMMIT": True, "CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "TIME_ZONE": None, "TEST": {},
        "ATOMIC_REQUESTS": False,
    }  # fmt: skip
