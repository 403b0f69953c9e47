"""The reader's own pages: the overview, subscribing, the card, cancelling, and the way back from Stripe.

Every page needs a signed-in reader and is stored nowhere. Forms are safe to send twice: what they call is.
"""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from accounts import clock
from accounts.models import User
from billing import (
    cards,
    codes,
    contracts,
    customers,
    gateway,
    holdings,
    invoices,
    links,
    offers,
    oneoff,
    outlook,
    overlaps,
    pausing,
    returning,
    rosters,
    subscribing,
    waiting,
    words,
)
from billing.cards import Stored
from billing.codes import Code
from billing.contracts import Why
from billing.errors import (
    CodeRefused,
    NothingToDo,
    NotOnSale,
    SaleRefused,
    StripeGone,
    StripeRefused,
    StripeTrouble,
)
from billing.offers import Offers
from billing.outlook import Outlook
from billing.subscribing import Arrival
from billing.views import typed, ways

_LONGEST_QUANTITY = 9  # digits


@require_safe
@login_required
def subscription(request: HttpRequest) -> HttpResponse:
    """Show what the reader has, what happens next, and their invoices."""
    reader, now = ways.reader(request), clock.now()
    states = outlook.every(reader, now=now)
    page = invoices.page(reader)
    context = {
        "now": now,
        "holdings": holdings.of(reader, now=now),
        "state": next(iter(states), None),
        "states": states,
        "rosters": rosters.of(reader, now=clock.now()),
        "memberships": rosters.memberships(reader, now=clock.now()),
        "invoices": page.lines,
        "more_invoices": page.next,
        "plans": () if any(state.is_open for state in states) else _offers(request).plans,
        "may_return": returning.may_return(reader, now=now),
    }
    return render(request, "billing/subscription.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def subscribe(request: HttpRequest) -> HttpResponse:
    """Show what is on sale; on POST go to Checkout, or to what is needed instead."""
    if request.method == "POST":
        return _start_checkout(request)
    reader = ways.reader(request)
    attempt = subscribing.attempt_of(reader, request.GET.get("attempt", ""))
    # A code is for a purchase that starts anew.
    if attempt is None and not {"all", "code"} & request.GET.keys():
        wanted = request.GET.get("product", "")
        if returning.may_return(reader, product=wanted, now=clock.now()):
            # One click away; the page there leads to all that is on sale.
            return ways.see_other(links.come_back(return_url=ways.return_url(request)))
    product = request.GET.get("product") or (attempt.price.plan.unlocks[0] if attempt else None)
    code, problem = _typed_code(request)
    found = _offers(request, product=product, code=code)
    if code is not None and not any(price.code for offer in found.plans for price in offer.prices):
        problem = problem or _("This code is not for these subscriptions.")
    sold_once = oneoff.passes(product=product, currency=found.currency)
    context = {
        "state": outlook.of(reader, now=clock.now()),
        "overlaps": overlaps.of_sale(reader, found.plans, sold_once, now=clock.now()),
        "plans": found.plans,
        "currency": found.currency,
        "currencies": found.currencies if len(found.currencies) > 1 else (),
        "code": request.GET.get("code", "")[:60],
        "code_problem": problem,
        "passes": sold_once,
        "gifts": oneoff.presents(),
        "product": product or "",
        "return_url": attempt.return_url if attempt else ways.return_url(request),
    }
    return render(request, "billing/subscribe.html", context)


def _offers(request: HttpRequest, *, product: str | None = None, code: Code | None = None) -> Offers:
    """Return what this reader is offered; everything, where nothing opens `product`."""
    wish = {
        "currency": request.GET.get("currency", "").lower(),
        "languages": request.META.get("HTTP_ACCEPT_LANGUAGE", ""),
    }
    found = offers.to(ways.reader(request), product=product, code=code, **wish)
    return found if found.plans or product is None else offers.to(ways.reader(request), code=code, **wish)


def _typed_code(request: HttpRequest) -> tuple[Code | None, str]:
    """Return the code in the address, or what is wrong with it."""
    reader = ways.reader(request)
    customer = customers.of(reader)
    try:
        text = typed.code(request, request.GET.get("code", ""), reader=reader)
        if not text:
            return None, ""
        mine = customer.stripe_id if customer else ""
        return codes.find(text, customer=mine, gateway=gateway.default(), now=clock.now()), ""
    except CodeRefused as refusal:
        return None, str(refusal)
    except (StripeTrouble, StripeRefused):
        return None, _("The code cannot be checked just now. Please try again.")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def card(request: HttpRequest) -> HttpResponse:
    """Show the card on file; on POST go to the form that replaces it."""
    reader, return_url = ways.reader(request), ways.return_url(request)
    if request.method == "POST":
        try:
            url = cards.start_form(reader, return_url=return_url, gateway=gateway.default(), now=clock.now())
        except NothingToDo:
            return ways.say(
                request,
                _("There is no card on file yet. It is stored when you subscribe."),
                links.subscribe(),
            )
        except (StripeTrouble, StripeRefused):
            return ways.try_again(request, links.card(return_url=return_url))
        return ways.see_other(url)
    context = {"state": outlook.of(reader, now=clock.now()), "return_url": return_url}
    return render(request, "billing/card.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def cancel(request: HttpRequest) -> HttpResponse:
    """Ask whether they mean it; on POST cancel."""
    reader = ways.reader(request)
    chosen = request.POST.get("subscription") or request.GET.get("subscription")
    if request.method == "POST":
        try:
            contracts.cancel(
                reader,
                subscription=chosen,
                why=_why(request),
                gateway=gateway.default(),
                now=clock.now(),
            )
        except NothingToDo as nothing:
            return ways.say(request, str(nothing), links.account())
        except (StripeTrouble, StripeRefused):
            return ways.try_again(request, links.account())
        return ways.see_other(links.account())
    state = _chosen(reader, chosen)
    if state is None or not state.can_cancel:
        return ways.see_other(links.account())
    context = {
        "state": state,
        "reasons": words.FEEDBACK.items(),
        "pause_until": _save_offer(request, reader, state),
    }
    return render(request, "billing/cancel.html", context)


def _why(request: HttpRequest) -> Why:
    feedback = request.POST.get("feedback", "")
    return Why(feedback if feedback in words.FEEDBACK else "", request.POST.get("comment", "")[:500])


def _save_offer(request: HttpRequest, reader: User, state: Outlook) -> tuple[datetime, ...]:
    """Offer a pause instead, beside the button that cancels, and only the first time that they come here."""
    seen = request.session.get("save_offer", [])
    if not settings.SAVE_OFFER_PAUSE or not state.can_pause or state.id in seen:
        return ()
    request.session["save_offer"] = [*seen[-9:], state.id]
    return pausing.dates(contracts.own_open(reader, state.id, now=clock.now()), now=clock.now())


@require_GET
@login_required
def confirm_payment(request: HttpRequest) -> HttpResponse:
    """Lead to the bank's confirmation, if one is still asked for."""
    reader = ways.reader(request)
    customer = customers.of(reader)
    if customer is not None:
        try:
            waiting.for_sync(customer.pk, gateway=gateway.default(), now=clock.now())
        except StripeTrouble:
            return ways.try_again(request, links.account())
    states = outlook.every(reader, now=clock.now())
    address = next((state.confirm_url for state in states if state.confirm_url), None)
    if address is None:
        return ways.say(request, _("There is no payment to confirm."), links.account())
    return ways.see_other(address)


@require_GET
@login_required
def arrive(request: HttpRequest) -> HttpResponse:
    """Receive a reader whom Stripe sends back: look what came of it, wait a little, send them on."""
    if "form" in request.GET:
        return _arrive_from_card_form(request)
    attempt = subscribing.attempt_of(ways.reader(request), request.GET.get("attempt", ""))
    if attempt is None:
        raise Http404
    session = request.GET.get("session_id", "")
    try:
        arrival = subscribing.finish(attempt, session_id=session, gateway=gateway.default(), now=clock.now())
    except StripeTrouble:
        arrival = Arrival.CONFIRMING
    match arrival:
        case Arrival.DONE:
            return ways.see_other(attempt.return_url)
        case Arrival.CONFIRMING:
            return ways.confirming(request, attempt.return_url)
        case Arrival.UNPAID:
            return ways.say(request, _("Nothing was paid."), links.back_to_plans(attempt=attempt.key))


def _arrive_from_card_form(request: HttpRequest) -> HttpResponse:
    reader, return_url = ways.reader(request), ways.return_url(request)
    session = request.GET.get("session_id", "")
    try:
        outcome = cards.finish(session, reader=reader, gateway=gateway.default(), now=clock.now())
    except StripeGone as unknown:
        raise Http404 from unknown
    except StripeTrouble:
        return ways.confirming(request, return_url)
    match outcome.state:
        case Stored.PAID:
            messages.success(request, _("Your new card is stored."))
            return ways.see_other(return_url)
        case Stored.CONFIRMING:
            return ways.confirming(request, return_url)
        case Stored.CONFIRM:
            return ways.see_other(outcome.url)
        case Stored.REFUSED:
            return ways.say(request, outcome.text, links.card(return_url=return_url), level=messages.ERROR)
        case Stored.UNFINISHED | Stored.REPLACED:
            return ways.see_other(links.card(return_url=return_url))


def _start_checkout(request: HttpRequest) -> HttpResponse:
    return_url = ways.return_url(request)
    product = request.POST.get("product") or request.GET.get("product") or ""
    code, currency = request.POST.get("code", ""), request.POST.get("currency", "")
    again = links.subscribe(product=product, return_url=return_url, code=code, currency=currency)
    try:
        checkout = subscribing.start(
            ways.reader(request),
            price=request.POST.get("price", ""),
            quantity=_quantity(request),
            return_url=return_url,
            code=typed.code(request, code, reader=ways.reader(request)),
            gateway=gateway.default(),
            now=clock.now(),
        )
    except (NotOnSale, CodeRefused) as refusal:
        return ways.say(request, str(refusal), again)
    except SaleRefused as refusal:
        return ways.refuse(request, refusal)
    except (StripeTrouble, StripeRefused):
        return ways.try_again(request, again)
    return ways.see_other(checkout.url)


def _chosen(reader: User, subscription_id: str | None) -> Outlook | None:
    states = outlook.every(reader, now=clock.now())
    return next((state for state in states if subscription_id in {None, "", state.id}), None)


def _quantity(request: HttpRequest) -> int:
    """Return for how many people a reader buys; one where they do not say.

    :raises BadRequest: what they say is no number.
    """
    typed = request.POST.get("quantity") or "1"
    if not (typed.isdecimal() and len(typed) <= _LONGEST_QUANTITY):
        raise BadRequest("This quantity is not a number.")
    return int(typed)
