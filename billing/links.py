"""Addresses: of our pages, for Stripe and for mails; and to which addresses a reader may be sent.

Everything here is absolute and built on `SITE_URL`, never on the host that a request claims to be for.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.urls import reverse

# Stripe puts the session's id in place of this; it must reach Stripe with its braces as they are.
_SESSION = "{CHECKOUT_SESSION_ID}"


def account() -> str:
    """Return the address of the reader's overview."""
    return _page("billing:subscription")


def subscribe(*, product: str = "", return_url: str = "") -> str:
    """Return the address of the page that sells, optionally for one product."""
    return _page("billing:subscribe", product=product, return_url=return_url)


def back_to_plans(*, attempt: str) -> str:
    """Return where Stripe sends a reader who turned back from paying."""
    return _page("billing:subscribe", attempt=attempt)


def card(*, return_url: str = "") -> str:
    """Return the address of the page that replaces the card."""
    return _page("billing:card", return_url=return_url)


def confirm_payment() -> str:
    """Return the address that leads to the bank's confirmation, if one is asked for."""
    return _page("billing:confirm-payment")


def back_from_checkout(*, attempt: str) -> str:
    """Return where Stripe sends a reader who paid."""
    return f"{_page('billing:return', attempt=attempt)}&session_id={_SESSION}"


def back_from_card_form(*, return_url: str) -> str:
    """Return where Stripe sends a reader who stored a card."""
    return f"{_page('billing:return', form='card', return_url=return_url)}&session_id={_SESSION}"


def present(key: str) -> str:
    """Return the address of the giver's page, which shows the code to whoever has the address."""
    return f"{settings.SITE_URL}{reverse('billing:present', args=[key])}"


def give() -> str:
    """Return the address of the page on which gift subscriptions are bought."""
    return _page("billing:give")


def redeem() -> str:
    """Return the address of the page on which a code is redeemed."""
    return _page("billing:redeem")


def is_allowed(url: str) -> bool:
    """Tell whether a reader may be sent to `url`: an address on `SITE_URL` or on an origin allowed to call the API."""
    if any(ord(letter) <= 32 for letter in url) or "\\" in url:
        return False  # browsers read such addresses in other ways than urlsplit does
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}" in {settings.SITE_URL, *settings.CORS_ALLOWED_ORIGINS}


def _page(name: str, **query: str) -> str:
    given = {key: value for key, value in query.items() if value}
    address = f"{settings.SITE_URL}{reverse(name)}"
    return f"{address}?{urlencode(given)}" if given else address
