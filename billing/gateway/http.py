"""How long a call to Stripe may take: a client whose retries fit into a fixed number of seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import stripe

RETRIES = 2

# A worker holds a lease, a reader waits: 2 s to connect, 6 s to answer. A retry pauses for at most a second, so one
# that starts within a second of the call's beginning still ends within ten seconds of it.
_CONNECT = 2.0
_ANSWER = 6.0
_LAST_RETRY = 1.0


class PatientClient(stripe.RequestsClient):
    """Retries quick failures, and never a slow one, so that every call ends within ten seconds."""

    def __init__(self) -> None:
        super().__init__(timeout=(_CONNECT, _ANSWER))

    def request_with_retries(self, *args: Any, **kwargs: Any) -> tuple[str, int, Mapping[str, str]]:
        """Note when the call began; then as the SDK does."""
        self._thread_local.began = time.monotonic()
        return super().request_with_retries(*args, **kwargs)

    def _should_retry(self, *args: Any, **kwargs: Any) -> bool:
        spent = time.monotonic() - self._thread_local.began
        return spent <= _LAST_RETRY and bool(super()._should_retry(*args, **kwargs))
