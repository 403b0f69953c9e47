"""How long a call to Stripe may take: a client whose retries fit into a fixed number of seconds."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import stripe

from billing import deadline

RETRIES = 2

# A worker holds a lease, a reader waits: 2 s to connect, 6 s to answer, and all tries together end within this.
_CALL = 9.5
_CONNECT = 2.0
_ANSWER = 6.0
# What fails within a second is tried again, at most a second later. What was slow would only be slow again.
_LAST_RETRY = 1.0
# With less than this left nothing is asked any more: whether it arrived could not be known.
_TOO_LATE = 0.2


class PatientClient(stripe.RequestsClient):
    """Retries quick failures, never a slow one. Each call ends within ten seconds, or with an earlier `deadline`."""

    def request_with_retries(self, *args: Any, **kwargs: Any) -> tuple[str, int, Mapping[str, str]]:
        """Begin the call's seconds; then as the SDK does."""
        self._thread_local.began = time.monotonic()
        with deadline.within(_CALL):
            return super().request_with_retries(*args, **kwargs)

    def request(self, *args: Any, **kwargs: Any) -> Any:
        """Make one try.

        :raises stripe.APIConnectionError: Stripe did not answer, or there was no time left to ask it.
        """
        if deadline.seconds_left() < _TOO_LATE:
            raise stripe.APIConnectionError("No time is left to ask Stripe.")  # type: ignore[no-untyped-call]
        return super().request(*args, **kwargs)

    @property
    def _timeout(self) -> tuple[float, float]:
        """To connect and to answer, both together within what is left."""
        left = deadline.seconds_left()
        return min(_CONNECT, left / 4), min(_ANSWER, left * 3 / 4)

    @_timeout.setter
    def _timeout(self, _ignored: object) -> None:
        """The SDK sets one for good."""

    def _should_retry(self, *args: Any, **kwargs: Any) -> bool:
        spent = time.monotonic() - self._thread_local.began
        return spent <= _LAST_RETRY and bool(super()._should_retry(*args, **kwargs))
