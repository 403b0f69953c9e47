"""A lost connection to Redis is called by its name, so that a worker connects again instead of ending."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from kombu import Connection

from config import broker


def test_redis_is_spoken_to_by_our_transport() -> None:
    assert isinstance(Connection("redis://127.0.0.1:1/0").transport, broker.Transport)
    assert isinstance(Connection("rediss://127.0.0.1:1/0").transport, broker.Transport)


def test_a_closed_channel_fails_as_a_lost_connection_does() -> None:
    connection = Connection("redis://127.0.0.1:1/0")
    channel = broker.Channel.__new__(broker.Channel)
    channel.connection = SimpleNamespace(client=None)  # as kombu leaves it
    with pytest.raises(connection.connection_errors):
        _ = channel.pool
