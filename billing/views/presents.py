"""The pages of gift subscriptions: ordering one, the giver's page with the code, redeeming it.

Giving needs no account; the giver's page is known by its address alone. Redeeming needs a reader.
"""

from __future__ import annotations

import secrets
from http import HTTPStatus

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import clock, limits
from accounts.models import User
from billing import gateway, links, oneoff, presents, redeeming
from billing.errors import GiftCodeRefused, PresentRefused, SaleRefused, StripeRefused, StripeTrouble
from billing.forms import GiftForm
from billing.models import Present
from billing.views import ways
from paywall import entitlements

_ASK_AGAIN_AFTER = 3  # seconds, while a payment is being confirmed


@require_http_methods(["GET", "HEAD", "POST"])
def give(request: HttpRequest) -> HttpResponse:
    """Show what can be given; on POST go and pay it."""
    today = clock.now().date()
    if request.method != "POST":
        return _form(request, GiftForm(initial=_initial(request), today=today))
    form = GiftForm(request.POST, today=today)
    if not form.is_valid():
        return _form(request, form, status=HTTPStatus.BAD_REQUEST)
    if not limits.may_order_gift(request):
        messages.error(request, _("Too many gifts were ordered from here. Please come back in an hour."))
        return _form(request, form, status=HTTPStatus.TOO_MANY_REQUESTS)
    try:
        url = presents.buy(form.wish(), giver=_signed_in(request), gateway=gateway.default(), now=clock.now())
    except PresentRefused as refusal:
        return ways.say(request, str(refusal), links.give())
    except (StripeTrouble, StripeRefused):
        text = _("The payment service did not answer in time. Nothing was charged twice; please try again.")
        messages.error(request, text)
        return _form(request, form, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return ways.see_other(url)


@require_safe
def show(request: HttpRequest) -> HttpResponse:
    """Show the giver the code, to print or to pass on, and what became of it."""
    present = Present.objects.filter(key=request.GET.get("key", "")).exclude(session_id="").first()
    if present is None:
        raise Http404
    if present.paid_at is None:
        try:
            present = presents.look(present, gateway=gateway.default(), now=clock.now())
        except (StripeTrouble, StripeRefused):
            return _confirming(request, present)
    if present.paid_at is None:
        return _confirming(request, present)
    names = entitlements.product_names()
    context = {
        "present": present,
        "code": presents.code_of(present)
        if present.redeemed_at is None and present.voided_at is None and not present.dispute
        else "",
        "product_names": [names.get(product, product) for product in present.products],
        "redeem_url": links.redeem(),
    }
    return ways.private(render(request, "billing/present.html", context))


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def redeem(request: HttpRequest) -> HttpResponse:
    """Ask for a code; on POST redeem it."""
    if request.method != "POST":
        return render(request, "billing/redeem.html")
    reader = ways.reader(request)
    if not limits.may_type_gift_code(request, reader=reader.public_id):
        text = _("Too many codes were tried. Please come back in an hour.")
        return _refuse_code(request, text, status=HTTPStatus.TOO_MANY_REQUESTS)
    try:
        typed = request.POST.get("code", "")[:60]
        redeeming.redeem(typed, reader=reader, gateway=gateway.default(), now=clock.now())
    except (GiftCodeRefused, SaleRefused) as refusal:
        return _refuse_code(request, str(refusal), status=HTTPStatus.CONFLICT)
    except (StripeTrouble, StripeRefused):
        text = _("The code cannot be checked just now. Please try again.")
        return _refuse_code(request, text, status=HTTPStatus.SERVICE_UNAVAILABLE)
    text = _("Your gift is redeemed. Enjoy reading.")
    return ways.say(request, text, links.account(), level=messages.SUCCESS)


def _initial(request: HttpRequest) -> dict[str, str]:
    giver = _signed_in(request)
    on_sale = oneoff.presents()
    return {
        "attempt": secrets.token_urlsafe(16),
        "giver_email": giver.email if giver else "",
        "price": on_sale[0].slug if on_sale else "",
    }


def _form(request: HttpRequest, form: GiftForm, *, status: HTTPStatus = HTTPStatus.OK) -> HttpResponse:
    context = {"form": form, "gifts": oneoff.presents()}
    return render(request, "billing/give.html", context, status=status)


def _confirming(request: HttpRequest, present: Present) -> HttpResponse:
    address = links.present(present.key)
    return ways.private(ways.confirming(request, address, ask_again_after=_ASK_AGAIN_AFTER))


def _refuse_code(request: HttpRequest, text: str, *, status: HTTPStatus) -> HttpResponse:
    return render(request, "billing/redeem.html", {"problem": text}, status=status)


def _signed_in(request: HttpRequest) -> User | None:
    return request.user if request.user.is_authenticated else None
