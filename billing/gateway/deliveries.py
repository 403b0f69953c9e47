"""Is this delivery genuine, and can it be read? Whatever the bytes, the answer is a delivery or a refusal."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Any

import stripe

from billing import snapshots
from billing.errors import WebhookRefused
from billing.gateway.port import Delivery

# How old a signature may be. Its time is Stripe's wall clock, also where a sandbox's own clock is elsewhere.
_TOLERANCE = 300
_LONGEST_SIGNATURE = 4096


def read(body: bytes, *, signature: str, secrets: Iterable[str]) -> Delivery:
    """Return what a webhook says, if it is signed with any of `secrets`.

    :raises WebhookRefused: the signature is missing, wrong or old, or the body is not an event.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as problem:
        raise WebhookRefused("The body is not text.") from problem
    # The SDK compares signatures as ASCII and trips over anything else.
    if not signature.isascii() or len(signature) > _LONGEST_SIGNATURE:
        raise WebhookRefused("The signature is not one.")
    if not any(_is_signed(text, signature=signature, secret=secret) for secret in secrets):
        raise WebhookRefused("The signature is missing, wrong or old.")
    return parsed(text)


def parsed(text: str) -> Delivery:
    """Read the text of an event that is known to be genuine.

    :raises WebhookRefused: it is not an event.
    """
    try:
        payload = json.loads(text)
        return Delivery(event=snapshots.event(payload), payload=for_the_record(payload))
    except (ValueError, RecursionError) as problem:
        raise WebhookRefused("The body is not an event.") from problem


def for_the_record(value: Any) -> Any:
    """Return `value` with all that a JSON column cannot hold made harmless: NUL, half characters, endless numbers."""
    match value:
        case dict():
            return {for_the_record(key): for_the_record(entry) for key, entry in value.items()}
        case list():
            return [for_the_record(entry) for entry in value]
        case str():
            return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value


def _is_signed(text: str, *, signature: str, secret: str) -> bool:
    try:
        stripe.WebhookSignature.verify_header(text, signature, secret, tolerance=_TOLERANCE)
    except stripe.SignatureVerificationError:
        return False
    return True
