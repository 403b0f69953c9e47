"""How often something may be tried on one account, counted so that a stranger cannot lock the owner out.

Counts are kept per account *and* place: the network, or the device where the reader has signed in before. A stranger
uses up their own place, never the owner's. What is counted for the account as a whole never applies to a known
device, and rather than refusing codes early it makes them longer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from allauth.account.adapter import get_adapter
from allauth.core.internal import ratelimit
from allauth.core.internal.ratelimit import RateLimitUsage
from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest

from accounts import identity
from accounts.models import KnownDevice

_LONG_CODES = "accounts_long_codes"
_RATES = {
    # Passwords tried, and codes asked for, from one place, on whichever accounts.
    "guesses_here": "20/m/key",
    "codes_here": "20/m/key",
    # Code mails to one address, asked for from one place.
    "code": "5/10m/key",
    # Beyond this many an hour from places that we do not know, codes become too long to guess …
    "code_calm": "10/h/key",
    # … and beyond this many we spare the owner's mailbox. Known devices, passwords and passkeys still work.
    "code_flood": "60/h/key",
    # Wrong passwords on one account from all places that we do not know. Codes stay open.
    "guess": "50/h/key",
    # Codes of gift subscriptions typed by one reader, and from one place.
    "gift_code": "10/h/key",
    "gift_codes_here": "30/h/key",
    # Gift subscriptions ordered from one place; each opens a page at Stripe.
    "gift_orders_here": "30/h/key",
    # Codes typed against one that was mailed. It has run out long before the hour is over.
    "code_try": "3/h/key",
    "code_use": "1/h/key",
    # What one link from a mail sets going; and what people set going from one place without being signed in.
    "link": "10/h/key",
    "unnamed": "60/10m/key",
    # Promotion codes typed by one reader, who needs few tries, and from one place, where many may have heard of one.
    "promotion": "30/h/key",
    "promotions_here": "100/h/key",
}


def place(request: HttpRequest, *, email: str) -> str:
    """Return what stands for this account seen from where `request` comes from."""
    address = email.strip().lower()
    device = _known_device(request, address)
    return f"{address} {_here(request, device)}"


def may_send_code(request: HttpRequest, *, email: str) -> bool:
    """Count one code mail to `email`; False when it should not be sent. The same for addresses nobody has."""
    address = email.strip().lower()
    device = _known_device(request, address)
    if not _spend(request, "codes_here", _here(request, device)):
        return False
    if not _spend(request, "code", place(request, email=address)):
        return False
    if device:
        return True
    if not _spend(request, "code_calm", address):
        request.session[_LONG_CODES] = True
    return _spend(request, "code_flood", address) is not None


def wants_long_codes(request: HttpRequest) -> bool:
    """Whether codes made for this session have to withstand guessing from many places at once."""
    return bool(request.session.get(_LONG_CODES))


def spend_try(request: HttpRequest, *, process: Any) -> None:
    """Count one code typed in allauth's `process`, before it is compared; with no tries left nothing is right.

    allauth counts in the session, which requests at the same moment read before any of them has written.
    """
    is_given = process.state.get("code_confirmed")
    if not is_given and not _spend(request, "code_try", _name_of(process)):
        process.state["code"] = ""


def may_use_code(request: HttpRequest, *, process: Any) -> bool:
    """Take the right code of allauth's `process`; False when a request at the same moment was faster."""
    return _spend(request, "code_use", _name_of(process)) is not None


def may_guess(request: HttpRequest, *, email: str) -> RateLimitUsage | None:
    """Count one password tried on `email`; None when enough were. Roll the answer back if the password was right."""
    address = email.strip().lower()
    device = _known_device(request, address)
    if not _spend(request, "guesses_here", _here(request, device)):
        return None
    if device:
        return RateLimitUsage(usage=[])
    return _spend(request, "guess", address)


def may_use_link(request: HttpRequest, *, link: str) -> bool:
    """Count one use of a link from a mail; False when enough were. Nobody but whoever has the link can use it up."""
    return _spend(request, "link", link) is not None


def may_ask_unnamed(request: HttpRequest) -> bool:
    """Count one costly question of somebody who is not signed in; False when enough came from there."""
    return _spend(request, "unnamed", str(_network(request))) is not None


def may_try_promotion(request: HttpRequest, *, reader: str) -> bool:
    """Count one promotion code typed by a reader (public id); False when enough were, from here or by them."""
    return bool(
        _spend(request, "promotions_here", _here(request, None)) and _spend(request, "promotion", reader)
    )


def may_type_gift_code(request: HttpRequest, *, reader: str) -> bool:
    """Count one gift code typed by a reader, before it is compared; False when enough were, from here or by them."""
    return bool(
        _spend(request, "gift_codes_here", _here(request, None)) and _spend(request, "gift_code", reader)
    )


def may_order_gift(request: HttpRequest) -> bool:
    """Count one order of a gift subscription, for which nobody has to sign in; False when enough came from here."""
    return _spend(request, "gift_orders_here", _here(request, None)) is not None


def forget_expired(*, now: datetime) -> int:
    """Delete the counts, and whatever else of the cache, that have run out; return how many rows."""
    table = connection.ops.quote_name(str(settings.CACHES["default"]["LOCATION"]))
    moment = connection.ops.adapt_datetimefield_value(now.replace(microsecond=0))
    with connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {table} WHERE expires < %s", [moment])  # noqa: S608  a name of ours, quoted
        return int(cursor.rowcount)


def _spend(request: HttpRequest, action: str, key: str) -> RateLimitUsage | None:
    # allauth locks a count by a row beside it. In one transaction a crash takes the lock away with the rest; it would
    # otherwise stand for ten seconds, and whoever came would be told of too many attempts.
    with transaction.atomic():
        return ratelimit.consume(
            request, app="accounts", action=action, config=_RATES, key=key, limit_get=True
        )


def _name_of(process: Any) -> str:
    return f"{process.state.get('email')} at {process.state['at']}"


def _here(request: HttpRequest, device: str | None) -> str:
    return f"on {device}" if device else f"from {_network(request)}"


def _network(request: HttpRequest) -> str:
    return str(ratelimit.truncate_ip(get_adapter(request).get_client_ip(request)))


def _known_device(request: HttpRequest, address: str) -> str | None:
    device = identity.presented_device(request)
    if device and KnownDevice.objects.filter(device=device, reader__email=address).exists():
        return device
    return None
