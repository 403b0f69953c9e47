"""The codes of gift subscriptions: 100 bits in four groups of five letters that nobody mistakes for another.

A code is drawn from the gift's random name with the server's secret, so that it can be shown again, and a gift lost
with a restored backup keeps its code. The database holds a digest only, from which no code follows.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable

from django.conf import settings
from django.utils.crypto import salted_hmac

# Crockford's: no I, L, O and U; whoever types one of the first three means the digit.
_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISREAD = str.maketrans({"I": "1", "L": "1", "O": "0"})
_LENGTH, _GROUP = 20, 5
_SALT = "billing.gift_codes"


def new_name() -> str:
    """Return a random name for a gift, 128 bits."""
    return secrets.token_urlsafe(16)


def of(name: str) -> str:
    """Return the code of the gift of that name, as it is printed."""
    return _drawn(name, settings.SECRET_KEY)


def known_by(name: str, *, digest: str) -> str:
    """Return the printed code of that digest; "" where the secret has changed for good since it was drawn."""
    return next((code for code in _ever_drawn(name) if digest_of(code) == digest), "")


def digest_of(typed: str) -> str:
    """Return the digest of a code, however it was typed: small letters, blanks and hyphens make no difference."""
    letters = "".join(letter for letter in typed.upper() if letter.isalnum()).translate(_MISREAD)
    return hashlib.sha256(letters.encode("utf-8", "replace")).hexdigest()


def _ever_drawn(name: str) -> Iterable[str]:
    return (_drawn(name, secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS))


def _drawn(name: str, secret: str) -> str:
    drawn = salted_hmac(_SALT, name, secret=secret, algorithm="sha256").digest()
    letters = "".join(_LETTERS[byte % len(_LETTERS)] for byte in drawn[:_LENGTH])
    return "-".join(letters[start : start + _GROUP] for start in range(0, _LENGTH, _GROUP))
