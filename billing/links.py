"""Addresses: of our pages, for Stripe and for mails; and to which addresses a reader may be sent.

Everything here is absolute and built on `SITE_URL`, never on the host that a request claims to be for. A secret that
opens a page stands in its query: of an address that fails, servers log the path.
"""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from django.conf import settings
from django.urls import reverse

# Stripe puts the session's id in place of this; it must reach Stripe with its braces as they are.
_SESSION = "{CHECKOUT_SESSION_ID}"
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def account() -> str:
    """Return the address of the reader's overview."""
    return _page("billing:subscription")


def subscribe(
    *,
    product: str = "",
    return_url: str = "",
    code: str = "",
    currency: str = "",
    everything: bool = False,
) -> str:
    """Return the address of the page that sells: for one product, with a code that was typed, in a currency.

    `everything` shows what is on sale also to those who could come back to what they had with one click.
    """
    shown = "1" if everything else ""
    return _page(
        "billing:subscribe", product=product, return_url=return_url, code=code, currency=currency, all=shown
    )


def change(*, product: str = "", return_url: str = "") -> str:
    """Return the address of the page that changes the plan, optionally to one that opens a product."""
    return _page("billing:change", product=product, return_url=return_url)


def come_back(*, return_url: str = "") -> str:
    """Return the address of the page on which an ended subscription begins again."""
    return _page("billing:come-back", return_url=return_url)


def back_to_plans(*, attempt: str) -> str:
    """Return where Stripe sends a reader who turned back from paying."""
    return _page("billing:subscribe", attempt=attempt)


def card(*, return_url: str = "") -> str:
    """Return the address of the page that replaces the card."""
    return _page("billing:card", return_url=return_url)


def fix(*, token: str) -> str:
    """Return the address of the page that fixes one failed payment without signing in."""
    return _page("billing:fix", k=token)


def fixed() -> str:
    """Return where somebody goes who turned back from the form that `fix` leads to."""
    return _page("billing:fixed")


def back_from_fix_form() -> str:
    """Return where Stripe sends somebody who stored a card without signing in."""
    return f"{_page('billing:fixed')}?session_id={_SESSION}"


def confirm_payment() -> str:
    """Return the address that leads to the bank's confirmation, if one is asked for."""
    return _page("billing:confirm-payment")


def to_stripe(url: str) -> str:
    """Return a document's address if it is one of Stripe's, else nothing: readers are sent nowhere else to pay.

    Where a stand-in plays Stripe, which is on this machine, its addresses are Stripe's.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    host = parts.hostname or ""
    if parts.scheme == "https" and (host == "stripe.com" or host.endswith(".stripe.com")):
        return url
    plays_here = urlsplit(settings.STRIPE_API_BASE).hostname in _HERE
    return url if plays_here and parts.scheme == "http" and host in _HERE else ""


def alert(pk: int) -> str:
    """Return where staff see to an alert."""
    return f"{settings.SITE_URL}{reverse('admin:billing_alert_change', args=[pk])}"


def at_stripe(kind: str, name: str, *, is_live: bool) -> str:
    """Return where Stripe's dashboard shows an object."""
    return f"https://dashboard.stripe.com/{'' if is_live else 'test/'}{kind}/{name}"


def back_from_checkout(*, attempt: str) -> str:
    """Return where Stripe sends a reader who paid."""
    return f"{_page('billing:return', attempt=attempt)}&session_id={_SESSION}"


def back_from_card_form(*, return_url: str) -> str:
    """Return where Stripe sends a reader who stored a card."""
    return f"{_page('billing:return', form='card', return_url=return_url)}&session_id={_SESSION}"


def group() -> str:
    """Return the address of the page on which an owner sees who reads by their subscription."""
    return _page("billing:group")


def join(token: str) -> str:
    """Return where an invitation to a group is accepted."""
    return _page("billing:join", token=token)


def present(key: str) -> str:
    """Return the address of the giver's page, which shows the code to whoever has the address."""
    return _page("billing:present", key=key)


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
