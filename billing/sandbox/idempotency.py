"""Idempotency keys: the first answer to a key is the answer for a day; then the key is forgotten."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from .errors import ApiError

# Stripe keeps keys for at least so long, and promises nothing beyond.
_LIFE = 24 * 3600


@dataclass(slots=True)
class Answer:
    """What a key stands for; `status` is 0 while the request is still under way."""

    fingerprint: str
    begun_at: int
    status: int = 0
    body: bytes = b""


@dataclass(slots=True)
class IdempotencyKeys:
    """The keys seen so far. Safe to use from several threads."""

    _answers: dict[str, Answer] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def begin(self, key: str, *, fingerprint: str, now: int) -> Answer | None:
        """Claim a key and return nothing, or return the answer to replay; `now` in seconds of the stand-in's clock.

        :raises ApiError: the key was used for another request, or its request is still under way.
        """
        with self._lock:
            known = self._answers.get(key)
            if known is None or now - known.begun_at >= _LIFE:
                self._answers[key] = Answer(fingerprint, now)
                return None
        if known.fingerprint != fingerprint:
            raise ApiError(
                "Keys for idempotent requests can only be used with the same parameters they were first used with. "
                f"Try using a key other than '{key}' if you meant to execute a different request.",
                type_="idempotency_error",
            )
        if not known.status:
            raise ApiError(
                "There is currently another in-progress request using this Idempotent Key (that probably means you "
                f"submitted twice, and the other request is still going through): {key}.",
                status=409,
                type_="idempotency_error",
                code="idempotency_key_in_use",
            )
        return known

    def finish(self, key: str, *, status: int, body: bytes) -> None:
        """Keep the answer."""
        with self._lock:
            self._answers[key].status = status
            self._answers[key].body = body

    def release(self, key: str) -> None:
        """Let the key be used again: nothing was done under it."""
        with self._lock:
            self._answers.pop(key, None)

    def clear(self) -> None:
        with self._lock:
            self._answers.clear()
