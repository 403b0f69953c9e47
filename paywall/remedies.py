"""Where a remedy is found: absolute addresses that bring the reader back to the article."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from paywall.decision.reasons import Remedy


@dataclass(frozen=True, slots=True)
class Link:
    """A remedy, and its page; waiting has none."""

    kind: Remedy
    url: str | None


# The pages are named, not imported: those of accounts lie below us, those of billing above.
PAGES = {
    Remedy.LOG_IN: "account_login",
    Remedy.REGISTER: "account_signup",
    Remedy.VERIFY_EMAIL: "account_email",
    Remedy.SUBSCRIBE: "billing:subscribe",
    Remedy.UPGRADE: "billing:change",
    Remedy.FIX_CARD: "billing:card",
    Remedy.CONFIRM_PAYMENT: "billing:confirm-payment",
    Remedy.RESUME: "billing:subscription",
    Remedy.SWITCH_ACCOUNT: "account_logout",
}


def link(remedy: Remedy, *, products: tuple[str, ...], article_url: str) -> Link:
    """Return the page that a remedy leads to; from there the reader comes back to the article."""
    if remedy is Remedy.WAIT:
        return Link(remedy, None)
    query = _query(remedy, products=products, article_url=article_url)
    page = f"{settings.SITE_URL}{_path(remedy)}"
    return Link(remedy, f"{page}?{urlencode(query)}" if query else page)


@cache
def _path(remedy: Remedy) -> str:
    return reverse(PAGES[remedy])


def _query(remedy: Remedy, *, products: tuple[str, ...], article_url: str) -> dict[str, str]:
    match remedy:
        case Remedy.LOG_IN | Remedy.REGISTER:
            return {"next": article_url}
        case Remedy.SWITCH_ACCOUNT:
            # Out here, then in there: the login page sends on whoever is still signed in.
            return {"next": f"{_path(Remedy.LOG_IN)}?{urlencode({'next': article_url})}"}
        case Remedy.SUBSCRIBE | Remedy.UPGRADE:
            return (
                {"product": products[0], "return_url": article_url}
                if products
                else {"return_url": article_url}
            )
        case Remedy.FIX_CARD:
            return {"return_url": article_url}
    return {}
