"""Another plan: the API's call and the reader's page, both of which show the amount before anything is changed."""

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
from billing import changing, gateway, links, subscribing
from billing.errors import AmountOutdated, NothingToDo, NotOnSale, SaleRefused, StripeRefused, StripeTrouble
from billing.serializers import ChangeRequestSerializer, ProposalSerializer, SubscriptionStateSerializer
from billing.views.api import _body, _state
from billing.views.api import _reader as _asking
from billing.views.pages import _reader, _return_url, _say, _see_other, _try_again

_MOST = 2**53


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
                component_name="Change",
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
    row = subscribing.own_open(_reader(request), chosen, now=clock.now())
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
    shown = _shown(request)
    if shown is None:
        return _show(request, chosen, return_url)
    try:
        changing.agree(
            _reader(request),
            price=request.POST.get("price", ""),
            shown_at=shown[0],
            amount=shown[1],
            subscription=chosen,
            gateway=gateway.default(),
            now=clock.now(),
        )
    except AmountOutdated:
        return _show(request, chosen, return_url, is_outdated=True)
    return _say(request, _("Your plan is changed."), return_url, level=messages.SUCCESS)


def _shown(request: HttpRequest) -> tuple[datetime, int] | None:
    """Return when which amount was shown, as the form repeats it; None where it does not."""
    seconds, amount = request.POST.get("shown_at", ""), request.POST.get("amount", "")
    if not (seconds.isdecimal() and amount.isdecimal() and len(seconds) < 12 and int(amount) < _MOST):
        return None
    return datetime.fromtimestamp(int(seconds), tz=UTC), int(amount)
