"""Redis as the doorbell: kombu's transport, but for what would end a worker when its connection is lost.

Celery closes a lost connection twice. By the second time kombu has forgotten where Redis was, and says so by an
AttributeError, which nobody expects there (celery 5.7.0, kombu 5.7.0): the worker ends instead of connecting again.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis
from redis.exceptions import ConnectionError as LostConnection


class Channel(redis.Channel):
    """Kombu's channel, which calls a lost connection by its name."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002  kombu's signature
        if self.connection.client is None:
            raise LostConnection("This connection was closed.")
        parameters: dict[str, Any] = super()._connparams(asynchronous)  # type: ignore[misc]  # missing in the stubs
        return parameters


class Transport(redis.Transport):
    """Kombu's Redis transport over `Channel`."""

    Channel = Channel


TRANSPORT_ALIASES["redis"] = TRANSPORT_ALIASES["rediss"] = f"{__name__}:Transport"
