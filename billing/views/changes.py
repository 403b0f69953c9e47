"""Another plan, and a pause: the API's calls and the reader's pages. An amount is shown before anything is changed."""

from __future__ import annotations

from datetime import UTC, datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods
from drf_spectacular.utils import OpenApiResponse, PolymorphicProxySerializer, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import clock
from accounts.authentication import IsReader
from billing import changing, contracts, gateway, links, pausing
from billing.errors import AmountOutdated, NothingToDo, NotOnSale, SaleRefused, StripeRefused, StripeTrouble
from billing.serializers import (
    ChangeRequestSerializer,
    PauseRequestSerializer,
    ProposalSerializer,
    SubscriptionStateSerializer,
)
from billing.views.api import _body, _state
from billing.views.api import _reader as _asking
from billing.views.pages import _reader, _return_url, _say, _see_other, _try_again

_DIGITS = 16


class ChangeView(APIView):
    """Another plan."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="subscription_change",
        summary="Change the plan",
        description=(
            "With `preview` it says what the change costs today and what comes next. Agreeing repeats its "
            "`proration_date` and `amount`: what is charged is what was shown. Repeating it changes nothing."
        ),
        request=ChangeRequestSerializer,
        responses={
            200: PolymorphicProxySerializer(
                component_name="ChangeAnswer",
                serializers=[ProposalSerializer, SubscriptionStateSerializer],
                resource_type_field_name=None,
            ),
            409: OpenApiResponse(
                description="A problem; `remedies` say what is needed first, nearest first."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Show what a change would cost, or change and answer with the new state."""
        wish = _body(ChangeRequestSerializer, request)
        reader, now = _asking(request), clock.now()
        if wish["preview"]:
            proposal = changing.propose(
                reader,
                price=wish["price"],
                subscription=wish.get("subscription"),
                gateway=gateway.default(),
                now=now,
            )
            return Response(ProposalSerializer(proposal).data)
        changing.agree(
            reader,
            price=wish["price"],
            shown_at=wish["proration_date"],
            amount=wish["amount"],
            subscription=wish.get("subscription"),
            gateway=gateway.default(),
            now=now,
        )
        return _state(reader)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change(request: HttpRequest) -> HttpResponse:
    """Show the other plans, then what one of them costs; on POST change to it."""
    chosen = request.POST.get("subscription") or request.GET.get("subscription") or None
    return_url = _return_url(request)
    try:
        if request.method == "POST":
            return _agree(request, chosen, return_url)
        if request.GET.get("price"):
            return _show(request, chosen, return_url)
        return _offer(request, chosen, return_url)
    except (NothingToDo, NotOnSale):
        # Whoever has nothing to change may still buy.
        return _see_other(links.subscribe(product=request.GET.get("product", ""), return_url=return_url))
    except SaleRefused as refusal:
        remedy = next((remedy["url"] for remedy in refusal.remedies), links.account())
        return _say(request, str(refusal), remedy)
    except (StripeTrouble, StripeRefused):
        return _try_again(request, links.account())


def _offer(request: HttpRequest, chosen: str | None, return_url: str) -> HttpResponse:
    row = contracts.own_open(_reader(request), chosen, now=clock.now())
    product = request.GET.get("product", "")
    context = {
        "subscription": str(row.pk),
        "plans": changing.offers(row, product=product) or changing.offers(row),
        "return_url": return_url,
    }
    return render(request, "billing/change.html", context)


def _show(
    request: HttpRequest, chosen: str | None, return_url: str, *, is_outdated: bool = False
) -> HttpResponse:
    given = request.POST if request.method == "POST" else request.GET
    proposal = changing.propose(
        _reader(request),
        price=given.get("price", ""),
        subscription=chosen,
        gateway=gateway.default(),
        now=clock.now(),
    )
    context = {"proposal": proposal, "return_url": return_url, "is_outdated": is_outdated}
    return render(request, "billing/change.html", context)


def _agree(request: HttpRequest, chosen: str | None, return_url: str) -> HttpResponse:
    given = shown(request)
    if given is None:
        return _show(request, chosen, return_url)
    try:
        changing.agree(
            _reader(request),
            price=request.POST.get("price", ""),
            shown_at=given[0],
            amount=given[1],
            subscription=chosen,
            gateway=gateway.default(),
            now=clock.now(),
        )
    except AmountOutdated:
        return _show(request, chosen, return_url, is_outdated=True)
    return _say(request, _("Your plan is changed."), return_url, level=messages.SUCCESS)


def shown(request: HttpRequest) -> tuple[datetime, int] | None:
    """Return when which amount was shown, as the form repeats it; None where it does not."""
    shown_at, amount = _moment(request.POST.get("shown_at", "")), request.POST.get("amount", "")
    if shown_at is None or not (amount.isascii() and amount.isdecimal() and len(amount) < _DIGITS):
        return None
    return shown_at, int(amount)


class PauseView(APIView):
    """A pause."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="subscription_pause",
        summary="Pause",
        description=(
            "From the end of what is paid to the first renewal at or after `until`; the answer's `paused_until` says "
            "when it goes on by itself. `resume` takes it back. Repeating it changes nothing."
        ),
        request=PauseRequestSerializer,
        responses={
            200: SubscriptionStateSerializer,
            409: OpenApiResponse(description="A problem: it cannot be paused, or not until then."),
        },
    )
    def post(self, request: Request) -> Response:
        """Pause and answer with the new state."""
        wish = _body(PauseRequestSerializer, request)
        reader = _asking(request)
        pausing.pause(
            reader,
            until=wish["until"],
            subscription=wish.get("subscription"),
            gateway=gateway.default(),
            now=clock.now(),
        )
        return _state(reader)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def pause(request: HttpRequest) -> HttpResponse:
    """Show until when a pause may last; on POST pause."""
    reader, now = _reader(request), clock.now()
    chosen = request.POST.get("subscription") or request.GET.get("subscription") or None
    try:
        if request.method != "POST":
            row = contracts.own_open(reader, chosen, now=now)
            return render(
                request,
                "billing/pause.html",
                {"subscription": str(row.pk), "pause_until": pausing.dates(row, now=now)},
            )
        until = _moment(request.POST.get("until", ""))
        if until is None:
            return _see_other(links.account())
        pausing.pause(reader, until=until, subscription=chosen, gateway=gateway.default(), now=now)
    except NothingToDo as nothing:
        return _say(request, str(nothing), links.account())
    except SaleRefused as refusal:
        remedy = next((remedy["url"] for remedy in refusal.remedies), links.account())
        return _say(request, str(refusal), remedy)
    except (StripeTrouble, StripeRefused):
        return _try_again(request, links.account())
    return _say(request, _("Your subscription is paused."), links.account(), level=messages.SUCCESS)


def _moment(seconds: str) -> datetime | None:
    """Read a moment as our forms repeat it."""
    is_one = seconds.isascii() and seconds.isdecimal() and len(seconds) < 12
    return datetime.fromtimestamp(int(seconds), tz=UTC) if is_one else None
