"""Names for new objects: they look like Stripe's, and the same seed gives the same names again."""

from __future__ import annotations

import hashlib
import string

_ALPHABET = string.digits + string.ascii_letters


class Ids:
    """Hands out object ids. `count` may be stored and set again, so that a restart goes on where it stopped."""

    def __init__(self, seed: str) -> None:
        self.seed = seed
        self.count = 0

    def new(self, prefix: str, *, length: int = 24) -> str:
        """Return a fresh id such as `cus_4fZ…`. Ids sort in no particular order, as at Stripe."""
        return f"{prefix}_{self.token(length=length)}"

    def token(self, *, length: int) -> str:
        """Return fresh letters and digits."""
        self.count += 1
        digest = hashlib.sha512(f"{self.seed}:{self.count}".encode()).digest()
        digest += hashlib.sha512(digest).digest()
        return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:length])
