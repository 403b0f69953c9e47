"""Who asks for a page, and where it sends them: with a word about why, to a remedy, or back to where they came from."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from accounts.models import User
from billing import links
from billing.errors import NothingToDo, NotOnSale, SaleRefused, StripeRefused, StripeTrouble

_ASK_AGAIN_AFTER = 2  # seconds, while a payment is being confirmed


def reader(request: HttpRequest) -> User:
    """Return who is signed in, on a page that lets in nobody else."""
    return cast("User", request.user)


def return_url(request: HttpRequest) -> str:
    """Return where the reader wants to go afterwards; the overview where they do not say.

    :raises BadRequest: they would leave for an address that is not ours or an allowed site's.
    """
    address = request.POST.get("return_url") or request.GET.get("return_url") or links.account()
    if not links.is_allowed(address):
        raise BadRequest("This return address is not allowed.")
    return address


def see_other(address: str) -> HttpResponse:
    """Send them to `address`, which they then GET."""
    response: HttpResponseRedirect = redirect(address)
    response.status_code = HTTPStatus.SEE_OTHER
    return response


def say(request: HttpRequest, text: str, address: str, *, level: int = messages.INFO) -> HttpResponse:
    """Send them to `address`, where they read `text`."""
    messages.add_message(request, level, text)
    return see_other(address)


def try_again(request: HttpRequest, address: str) -> HttpResponse:
    """Send them where they can repeat what Stripe did not answer."""
    text = _("The payment service did not answer in time. Nothing was charged twice; please try again.")
    return say(request, text, address, level=messages.ERROR)


def refuse(request: HttpRequest, refusal: SaleRefused) -> HttpResponse:
    """Say why not, where the nearest remedy is; on the overview where there is none."""
    remedy = next((remedy["url"] for remedy in refusal.remedies), links.account())
    return say(request, str(refusal), remedy)


def agreed(request: HttpRequest, page: Callable[[], HttpResponse], *, otherwise: str) -> HttpResponse:
    """Answer with a page on which an amount is shown and agreed to, or send them on where it cannot be.

    Whoever has nothing to agree to may still buy: at `otherwise`.
    """
    try:
        return page()
    except (NothingToDo, NotOnSale):
        return see_other(otherwise)
    except SaleRefused as refusal:
        return refuse(request, refusal)
    except (StripeTrouble, StripeRefused):
        return try_again(request, links.account())


def confirming(
    request: HttpRequest, address: str, *, ask_again_after: int = _ASK_AGAIN_AFTER
) -> HttpResponse:
    """Let them wait for a payment's news, on a page that asks again and leads to `address`."""
    context = {"refresh_after": ask_again_after, "return_url": address}
    return render(request, "billing/confirming.html", context, status=HTTPStatus.ACCEPTED)


def private(response: HttpResponse) -> HttpResponse:
    """Let no other site learn the page's address, which is the key to it, from where a reader goes next."""
    # Ours must: a page that sends nobody a referrer sends no origin with its forms either, and the check against forged
    # forms wants one.
    response.headers["Referrer-Policy"] = "same-origin"
    return response
