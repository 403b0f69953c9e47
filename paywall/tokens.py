"""Access tokens: short-lived signed words on what a reader holds, for edges that decide without asking us.

`paywall.verifier` is their other half, `paywall.keys` what signs them, `paywall.epochs` what takes them back.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime

import jwt
from django.conf import settings

from accounts.models import User
from paywall import entitlements, epochs, keys
from paywall.decision import holdings
from paywall.errors import AccountBlocked, SiteUnknown
from paywall.verifier import ALGORITHM, LONGEST_LIFE, TYPE


@dataclass(frozen=True, slots=True)
class Token:
    """A token and its end. Who has it reads as its reader does, so it is in no `repr`."""

    token: str = field(repr=False)
    expires_at: datetime


def audience(site: str) -> str:
    """Return the site for which tokens may be asked: this service's own origin or one that may call it.

    :raises SiteUnknown: it is none of these.
    """
    if site not in {settings.SITE_URL, *settings.CORS_ALLOWED_ORIGINS}:
        raise SiteUnknown("No site of this installation has this address.")
    return site


def mint(reader: User, *, site: str, now: datetime) -> Token:
    """Return a token on what `reader` holds now, good for ten minutes or until the first of it ends, to the second.

    Staff get what they hold themselves: that they read everything is known here and is nobody else's business.

    :raises SiteUnknown: tokens are for sites of this installation.
    :raises AccountBlocked: the reader reads nothing but what is free.
    """
    for_site = audience(site)
    # The epoch first: what changes after this line makes the token void, whatever of it we see below.
    is_active, epoch = _standing(reader)
    if not is_active:
        raise AccountBlocked("This account is blocked.")
    grants = entitlements.snapshot(reader, now=now)
    begins = int(now.timestamp())
    ends = min(filter(None, (now + LONGEST_LIFE, holdings.holds_until(grants, at=now)))).replace(
        microsecond=0
    )
    claims = {
        "iss": settings.SITE_URL,
        "aud": for_site,
        "sub": epochs.subject(reader, audience=for_site),
        "products": sorted(holdings.open_products(grants, at=now)),
        "epoch": epoch,
        "iat": begins,
        "nbf": begins,
        "exp": int(ends.timestamp()),
        "jti": secrets.token_urlsafe(12),
    }
    by = keys.signer(now=now)
    signed = jwt.encode(claims, by.private, algorithm=ALGORITHM, headers={"typ": TYPE, "kid": by.kid})
    return Token(signed, expires_at=ends)


def _standing(reader: User) -> tuple[bool, int]:
    """Return whether the account is in order, and its epoch, as of one moment."""
    is_active, epoch = User.objects.values_list("is_active", "access_epoch__number").get(pk=reader.pk)
    return is_active, epoch or 0
