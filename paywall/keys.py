"""The keys that sign access tokens: made, published, put to use, retired, each in its time.

A key is published for a day before it signs, so that every edge has it when the first token comes, and for an hour
after it stopped, which is longer than any token lives. `turn` does what is due; it may be called at any time and as
often as one likes. The private half is stored sealed with a key that follows from `SECRET_KEY`.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from jwt.algorithms import ECAlgorithm

from paywall.errors import SigningKeyUnknown
from paywall.models import SigningKey
from paywall.verifier import ALGORITHM, MOST_KEYS

SIGNS_FOR = timedelta(days=30)
PUBLISHED_BEFORE = timedelta(days=1)
PUBLISHED_AFTER = timedelta(hours=1)

_State = SigningKey.State
_PUBLISHED = (_State.UPCOMING, _State.SIGNING, _State.RETIRED)


@dataclass(frozen=True, slots=True)
class Signer:
    """A key that may sign now. The private half is in no `repr`."""

    kid: str
    private: ec.EllipticCurvePrivateKey = field(repr=False)


def signer(*, now: datetime) -> Signer:
    """Return the key that signs; the first one is made here, once. One statement, but for the first time.

    One whose private half cannot be read any more, after a `SECRET_KEY` was lost, is retired for another.
    """
    row = _signing(now=now)
    private = _unsealed(row)
    if private is None:
        with transaction.atomic():
            _retire(SigningKey.objects.filter(pk=row.pk), now=now)
            # What waited for its turn was sealed with the same secret.
            SigningKey.objects.filter(state=_State.UPCOMING).update(state=_State.GONE, sealed="", gone_at=now)
        row = _signing(now=now)
        private = _unsealed(row)
    if private is None:
        raise AssertionError("A key that was sealed just now can be read.")
    return Signer(row.kid, private)


def published(*, now: datetime) -> tuple[dict[str, Any], ...]:
    """Return the public keys that count, newest first, as JWKS has them; never more than edges take."""
    rows = SigningKey.objects.filter(state__in=_PUBLISHED).order_by("-created_at", "kid")
    listed = tuple(rows.values_list("state", "public_jwk")[:MOST_KEYS])
    if not any(state == _State.SIGNING for state, _ in listed):
        _signing(now=now)
        return published(now=now)
    return tuple(jwk for _, jwk in listed)


def published_ids(*, now: datetime) -> tuple[str, ...]:
    """Return the ids of the keys that count."""
    return tuple(key["kid"] for key in published(now=now))


def turn(*, now: datetime, at_once: bool = False) -> tuple[str, ...]:
    """Do what is due, or begin a change of keys `at_once`; return what was done, for people.

    Whoever calls at the same moment waits and then finds nothing left to do.
    """
    _signing(now=now)
    with transaction.atomic():
        signing = SigningKey.objects.select_for_update().filter(state=_State.SIGNING).first()
        return tuple(_due(signing, now=now, at_once=at_once)) if signing is not None else ()


def withdraw(kid: str, *, now: datetime) -> str:
    """Let a key count for nothing from now on, since somebody else may have it; return the id of the one that signs.

    Another signs at once where it was the one that signed. Edges that follow the feed refuse its tokens within
    seconds, others when they fetch the keys again.

    :raises SigningKeyUnknown: there is no such key, or it is gone already.
    """
    with transaction.atomic():
        row = SigningKey.objects.select_for_update().filter(pk=kid, state__in=_PUBLISHED).first()
        if row is None:
            raise SigningKeyUnknown(f"No key {kid[:40]!r} is published.")
        SigningKey.objects.filter(pk=kid).update(state=_State.GONE, sealed="", gone_at=now)
        if row.state == _State.SIGNING:
            _promote(now=now)
    return _signing(now=now).kid


def _due(signing: SigningKey, *, now: datetime, at_once: bool) -> Iterator[str]:
    age = now - (signing.signed_from or now)
    upcoming = SigningKey.objects.filter(state=_State.UPCOMING).first()
    if upcoming is None and (at_once or age >= SIGNS_FOR - PUBLISHED_BEFORE):
        made = _make(_State.UPCOMING, now=now)
        yield f"published {made.kid}, which signs from {made.created_at + PUBLISHED_BEFORE:%Y-%m-%d %H:%M} UTC"
    elif upcoming is not None and now >= upcoming.created_at + PUBLISHED_BEFORE:
        _retire(SigningKey.objects.filter(pk=signing.pk), now=now)
        _promote(now=now)
        yield f"{upcoming.kid} signs instead of {signing.kid}"
    over = Q(state=_State.RETIRED, retired_at__lte=now - PUBLISHED_AFTER)
    for kid in SigningKey.objects.filter(over).values_list("kid", flat=True):
        SigningKey.objects.filter(pk=kid).update(state=_State.GONE, gone_at=now)
        yield f"{kid} is no longer published"


def _signing(*, now: datetime) -> SigningKey:
    row = SigningKey.objects.filter(state=_State.SIGNING).first()
    while row is None:
        try:
            with transaction.atomic():
                _make(_State.SIGNING, now=now)
        except IntegrityError:
            pass  # another process made it at the same moment
        row = SigningKey.objects.filter(state=_State.SIGNING).first()
    return row


def _promote(*, now: datetime) -> None:
    SigningKey.objects.filter(state=_State.UPCOMING).update(state=_State.SIGNING, signed_from=now)


def _retire(keys: QuerySet[SigningKey], *, now: datetime) -> None:
    keys.filter(state=_State.SIGNING).update(state=_State.RETIRED, sealed="", retired_at=now)


def _make(state: SigningKey.State, *, now: datetime) -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    kid = secrets.token_hex(8)
    jwk = json.loads(ECAlgorithm.to_jwk(private.public_key()))
    return SigningKey.objects.create(
        kid=kid,
        state=state,
        public_jwk={**jwk, "kid": kid, "use": "sig", "alg": ALGORITHM},
        sealed=_sealed(private),
        created_at=now,
        signed_from=now if state is _State.SIGNING else None,
    )


def _sealed(private: ec.EllipticCurvePrivateKey) -> str:
    form = (
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption(),
    )  # fmt: skip
    return _safe().encrypt(private.private_bytes(*form)).decode()


def _unsealed(row: SigningKey) -> ec.EllipticCurvePrivateKey | None:
    try:
        private = serialization.load_der_private_key(_safe().decrypt(row.sealed), password=None)
    except InvalidToken:
        return None
    return private if isinstance(private, ec.EllipticCurvePrivateKey) else None


def _safe() -> MultiFernet:
    """Return what seals with `SECRET_KEY` and opens also what was sealed before it was rolled."""
    return MultiFernet([_lock(secret) for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)])


def _lock(secret: str) -> Fernet:
    derived = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"paywall.signing-keys")
    return Fernet(base64.urlsafe_b64encode(derived.derive(secret.encode())))
