"""The pages behind the link in a mail about a failed payment. They work without an account's session and make none.

A GET changes nothing, here or at Stripe: mail scanners open links. What is shown is the card's last digits and the
amount that is open, and nothing else about anybody.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts import clock, limits
from billing import cards, fixing, gateway, links, money, outlook
from billing.cards import Outcome, Stored
from billing.errors import LinkRefused, NothingToDo, StripeGone, StripeRefused, StripeTrouble
from billing.fixing import FixLink
from billing.outlook import Outlook
from billing.steps import Step
from billing.views import ways

_View = Callable[[HttpRequest], HttpResponse]


def _sealed(view: _View) -> _View:
    """Let nobody keep the answer, nor learn the address from where its reader goes next."""

    @wraps(view)
    def sealed(request: HttpRequest) -> HttpResponse:
        response = view(request)
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["Referrer-Policy"] = "no-referrer"
        return response

    return sealed


# A page that sends no referrer sends no origin either, which the check against forged forms would want. There is
# nothing to forge: the form works by the secret in it, not by anything that a browser adds by itself.
@csrf_exempt
@_sealed
@require_http_methods(["GET", "HEAD", "POST"])
def fix(request: HttpRequest) -> HttpResponse:
    """Show what is open; on POST lead to the hosted form that stores a card."""
    given = request.POST if request.method == "POST" else request.GET
    try:
        link = fixing.read(given.get("k", ""), now=clock.now())
    except LinkRefused:
        return _say(request, "void", status=HTTPStatus.NOT_FOUND)
    with translation.override(link.reader.language or translation.get_language()):
        contract = link.invoice.subscription
        if link.is_settled or contract is None:
            return _say(request, "settled" if link.invoice.status == "paid" else "given_up")
        if request.method == "POST":
            return _open_form(request, link)
        state = outlook.of_subscription(contract, now=clock.now())
        return _show(request, link, state=state, token=given["k"])


@_sealed
@require_safe
def done(request: HttpRequest) -> HttpResponse:
    """Receive somebody whom Stripe sends back from the form: pay what is open with the card, say what came of it.

    The address names the form and no reader: whoever has it can only finish what the worker finishes anyway.
    """
    session = request.GET.get("session_id", "")
    if not session:
        return _say(request, "unfinished")
    if request.method == "HEAD":
        return HttpResponse()
    if not limits.may_ask_unnamed(request):
        return _say(request, "busy", status=HTTPStatus.TOO_MANY_REQUESTS)
    try:
        outcome = cards.finish_fix(session, gateway=gateway.default(), now=clock.now())
    except StripeGone:
        return _say(request, "void", status=HTTPStatus.NOT_FOUND)
    except StripeTrouble:
        outcome = Outcome(Stored.CONFIRMING)
    return _tell(request, outcome)


def _tell(request: HttpRequest, outcome: Outcome) -> HttpResponse:
    match outcome.state:
        case Stored.PAID:
            return _say(request, "paid")
        case Stored.CONFIRMING:
            return ways.confirming(request, links.account())
        case Stored.REFUSED | Stored.CONFIRM:
            return _say(request, "refused", detail=outcome.text)
        case Stored.UNFINISHED | Stored.REPLACED:
            return _say(request, "unfinished")


def _show(request: HttpRequest, link: FixLink, *, state: Outlook, token: str) -> HttpResponse:
    context = {
        "state": state,
        "token": token,
        "confirms": state.step is Step.CONFIRM_PAYMENT,
        "amount": money.text(link.invoice.amount_remaining, currency=link.invoice.currency),
    }
    return render(request, "billing/fix.html", context)


def _open_form(request: HttpRequest, link: FixLink) -> HttpResponse:
    if not limits.may_use_link(request, link=link.invoice.stripe_id):
        return _say(request, "busy", status=HTTPStatus.TOO_MANY_REQUESTS)
    try:
        url = cards.start_fix_form(
            link.customer, reader=link.reader, gateway=gateway.default(), now=clock.now()
        )
    except (NothingToDo, StripeTrouble, StripeRefused):
        return _say(request, "trouble", status=HTTPStatus.SERVICE_UNAVAILABLE)
    return HttpResponse(status=HTTPStatus.SEE_OTHER, headers={"Location": url})


def _say(
    request: HttpRequest, what: str, *, detail: str = "", status: HTTPStatus = HTTPStatus.OK
) -> HttpResponse:
    return render(request, "billing/fix_said.html", {"what": what, "detail": detail}, status=status)
