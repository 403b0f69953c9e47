"""Writes to Stripe, each recorded before it is made: whoever repeats the wish repeats the same call.

A timeout leaves the outcome unknown. The record outlives it, and its key makes the repetition the same call at Stripe,
which then answers what it answered, or would have answered, the first time.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TypeVar

from django.db import IntegrityError, transaction

from billing.errors import StripeRefused, StripeTrouble
from billing.models import OutboundCall

T = TypeVar("T")

# Stripe forgets a key after a day at the earliest; from then on an old key would protect nothing.
_KEY_LIFE = timedelta(hours=23)


def recorded(*, purpose: str, subject: str, call: Callable[[str], T], now: datetime) -> T:
    """Make `call` with the key of this wish, and record what became of it.

    While the outcome of a call for the same purpose and subject is unknown, its key is used again, also by parallel
    callers. A call for another purpose about the same subject overtakes it: cancel, resume and cancel again are three
    calls, whatever became of each. Not to be called inside a transaction: the record must be there before the call.

    :raises StripeTrouble: Stripe did not answer; call again.
    :raises StripeRefused: Stripe said no; another try is another call.
    """
    record = _open(purpose=purpose, subject=subject, now=now)
    try:
        result = call(record.key)
    except StripeRefused as refusal:
        _finish(record, OutboundCall.State.REFUSED, error=str(refusal), now=now)
        raise
    except StripeTrouble as trouble:
        if trouble.answered:
            # Stripe keeps a failure of its own under the key too, so the same key would only fail again.
            _finish(record, OutboundCall.State.REFUSED, error=str(trouble), now=now)
        raise
    _finish(record, OutboundCall.State.DONE, stripe_id=_id_of(result), now=now)
    return result


def outcome(*, purpose: str, subject: str) -> str | None:
    """Return what the last finished call for this purpose and subject answered (an id, or ""); None if none did."""
    done = OutboundCall.objects.filter(purpose=purpose, subject=subject, state=OutboundCall.State.DONE)
    return done.order_by("-started_at", "-pk").values_list("stripe_id", flat=True).first()


def _open(*, purpose: str, subject: str, now: datetime) -> OutboundCall:
    while True:
        try:
            return _open_or_join(purpose=purpose, subject=subject, now=now)
        except IntegrityError:
            continue  # a parallel call stood in the way and is finished by now: this wish is another one


def _open_or_join(*, purpose: str, subject: str, now: datetime) -> OutboundCall:
    still_open = OutboundCall.objects.filter(subject=subject, state=OutboundCall.State.OPEN)
    with transaction.atomic():
        still_open.exclude(purpose=purpose).update(
            state=OutboundCall.State.REFUSED, error="overtaken by a later wish", finished_at=now
        )
        still_open.filter(started_at__lte=now - _KEY_LIFE).update(
            state=OutboundCall.State.REFUSED, error="outcome never known", finished_at=now
        )
        record, _created = OutboundCall.objects.get_or_create(
            purpose=purpose,
            subject=subject,
            state=OutboundCall.State.OPEN,
            defaults={"key": f"{purpose}-{secrets.token_hex(16)}", "started_at": now},
        )
    return record


def _finish(
    record: OutboundCall, state: OutboundCall.State, *, now: datetime, stripe_id: str = "", error: str = ""
) -> None:
    OutboundCall.objects.filter(pk=record.pk, state=OutboundCall.State.OPEN).update(
        state=state, stripe_id=stripe_id[:120], error=error[:300], finished_at=now
    )


def _id_of(result: object) -> str:
    found = result if isinstance(result, str) else getattr(result, "id", "")
    return found if isinstance(found, str) else ""
