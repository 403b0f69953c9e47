"""May whoever carries this access token read this? Decided without asking anybody: for edges, and to learn from.

Needs PyJWT with its crypto extra and nothing of this project, so the file can be taken as it is. What it answers is
pinned by `tests/paywall/vectors/access_pass.json`, which implementations in other languages run as well.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

import jwt

TYPE = "access-pass+jwt"
ALGORITHM = "ES256"
LONGEST_LIFE = timedelta(minutes=10)
# How far a clock may run behind ours before it finds our tokens too new. There is none at the end: a clock that runs
# ahead refuses a little early, which costs a question, and a right that is over opens nothing.
SKEW = timedelta(seconds=30)

_LONGEST_TOKEN = 4096
MOST_KEYS = 16
_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_KID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_COORDINATE = re.compile(r"[A-Za-z0-9_-]{43}")
_HEADER = {"alg", "typ", "kid"}


class Flaw(StrEnum):
    """Why a token counts for nothing. Each means the same to whoever meets it: ask home."""

    MALFORMED = "malformed"
    HEADER = "header"  # another algorithm or type, or anything that we do not put there
    KEY = "key"  # signed with a key that is not, or no longer, published
    SIGNATURE = "signature"
    CLAIMS = "claims"  # something missing, or of another kind than we write it
    ISSUER = "issuer"
    AUDIENCE = "audience"
    NOT_YET = "not_yet"
    EXPIRED = "expired"
    EPOCH = "epoch"  # what the reader may read was changed or withdrawn since


class Refused(Exception):
    """A token that counts for nothing, and why."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw


@dataclass(frozen=True, slots=True)
class Trust:
    """Whom an edge believes: one issuer, for one site, by these keys, no token older than these epochs."""

    issuer: str
    audience: str
    keys: Mapping[str, jwt.PyJWK]
    epochs: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pass:
    """What a token says that counts."""

    sub: str
    products: frozenset[str]
    epoch: int
    expires_at: int

    def opens(self, products: Iterable[str]) -> bool:
        """Whether its reader holds one of the products that an article asks for; asking for none opens nothing."""
        return not self.products.isdisjoint(products)


def keys_of(document: Any) -> dict[str, jwt.PyJWK]:
    """Return the usable keys of a JWKS document by their id; whatever else it holds is left out.

    :raises ValueError: it is no such document, or larger than any of ours.
    """
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError("This is no set of keys.")
    return {one["kid"]: key for one in listed if (key := _usable(one)) is not None}


def verify(token: str, *, trust: Trust, now: int) -> Pass:
    """Return what the token says; `now` in seconds since 1970.

    :raises Refused: it counts for nothing; whoever carries it is asked about at home, as if there were none.
    """
    claims = _signed(token, keys=trust.keys)
    _refuse_unless(_are_ours(claims), Flaw.CLAIMS)
    _refuse_unless(claims["iss"] == trust.issuer, Flaw.ISSUER)
    _refuse_unless(claims["aud"] == trust.audience, Flaw.AUDIENCE)
    _refuse_unless(max(claims["iat"], claims["nbf"]) <= now + SKEW.total_seconds(), Flaw.NOT_YET)
    _refuse_unless(now < claims["exp"], Flaw.EXPIRED)
    _refuse_unless(claims["epoch"] >= trust.epochs.get(claims["sub"], 0), Flaw.EPOCH)
    return Pass(
        sub=claims["sub"],
        products=frozenset(claims["products"]),
        epoch=claims["epoch"],
        expires_at=claims["exp"],
    )


def _signed(token: str, *, keys: Mapping[str, jwt.PyJWK]) -> dict[str, Any]:
    """Return the claims of a token that one of the keys signed. The key alone says by which algorithm."""
    _refuse_unless(len(token) <= _LONGEST_TOKEN and _FORM.fullmatch(token) is not None, Flaw.MALFORMED)
    header = _header(token)
    is_plain = header.keys() == _HEADER and header["alg"] == ALGORITHM and header["typ"] == TYPE
    _refuse_unless(is_plain, Flaw.HEADER)
    key = keys.get(header["kid"]) if isinstance(header["kid"], str) else None
    if key is None:
        raise Refused(Flaw.KEY)
    try:
        # When it counts is our question: the library would ask the clock of this machine.
        return dict(jwt.decode(token, key, algorithms=[ALGORITHM], options=_SIGNATURE_ONLY))
    except jwt.InvalidSignatureError as error:
        raise Refused(Flaw.SIGNATURE) from error
    except jwt.PyJWTError as error:
        raise Refused(Flaw.MALFORMED) from error


def _header(token: str) -> dict[str, Any]:
    text = token.partition(".")[0]
    try:
        header = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, RecursionError) as error:
        raise Refused(Flaw.MALFORMED) from error
    _refuse_unless(isinstance(header, dict), Flaw.MALFORMED)
    return dict(header)


_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    **dict.fromkeys(("verify_exp", "verify_nbf", "verify_iat", "verify_aud", "verify_iss"), False),
    **dict.fromkeys(("verify_sub", "verify_jti"), False),
}


def _are_ours(claims: Mapping[str, Any]) -> bool:
    texts = all(isinstance(claims.get(name), str) and claims[name] for name in ("iss", "aud", "sub", "jti"))
    numbers = all(_is_number(claims.get(name)) for name in ("iat", "nbf", "exp", "epoch"))
    products = claims.get("products")
    names = isinstance(products, list) and all(isinstance(one, str) and one for one in products)
    return texts and numbers and names and claims["exp"] - claims["iat"] <= LONGEST_LIFE.total_seconds()


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 2**53 - 1


def _usable(one: Any) -> jwt.PyJWK | None:
    """Return a public key of our kind; None for anything else."""
    if not isinstance(one, dict) or any(one.get(name) != value for name, value in _KIND.items()):
        return None
    texts = {name: str(one.get(name, "")) for name in ("kid", "x", "y")}
    if not all(form.fullmatch(texts[name]) for name, form in _PARTS.items()):
        return None
    try:
        return jwt.PyJWK({"kty": "EC", "crv": "P-256", **texts}, algorithm=ALGORITHM)
    except jwt.PyJWTError:  # no point of the curve
        return None


_KIND = {"kty": "EC", "crv": "P-256", "use": "sig", "alg": ALGORITHM}
_PARTS = {"kid": _KID, "x": _COORDINATE, "y": _COORDINATE}


def _refuse_unless(holds: bool, flaw: Flaw) -> None:  # noqa: FBT001  reads as a sentence
    if not holds:
        raise Refused(flaw)
