"""Another plan: the API's call and the reader's pages. An amount is shown before anything is changed."""

from __future__ import annotations

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
from billing import changing, contracts, gateway, links
from billing.errors import AmountOutdated
from billing.serializers import ChangeRequestSerializer, ProposalSerializer, SubscriptionStateSerializer
from billing.views import answers, asked, ways
from billing.views.shown import shown


class ChangeView(APIView):
    """Another plan."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="subscription_change",
        summary="Change the plan",
        description=(
            "With `preview` it says what the change costs today and what comes next. Agreeing repeats its "
            "`shown_at` and `amount`: what is charged is what was shown. Repeating it changes nothing."
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
        wish = asked.body(ChangeRequestSerializer, request)
        reader, now = asked.reader(request), clock.now()
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
            shown_at=wish["shown_at"],
            amount=wish["amount"],
            subscription=wish.get("subscription"),
            gateway=gateway.default(),
            now=now,
        )
        return answers.state(reader)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def change(request: HttpRequest) -> HttpResponse:
    """Show the other plans, then what one of them costs; on POST change to it."""
    chosen = request.POST.get("subscription") or request.GET.get("subscription") or None
    return_url = ways.return_url(request)
    # Whoever has nothing to change may still buy.
    otherwise = links.subscribe(product=request.GET.get("product", ""), return_url=return_url)

    def page() -> HttpResponse:
        if request.method == "POST":
            return _agree(request, chosen, return_url)
        if request.GET.get("price"):
            return _show(request, chosen, return_url)
        return _offer(request, chosen, return_url)

    return ways.agreed(request, page, otherwise=otherwise)


def _offer(request: HttpRequest, chosen: str | None, return_url: str) -> HttpResponse:
    row = contracts.own_open(ways.reader(request), chosen, now=clock.now())
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
        ways.reader(request),
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
            ways.reader(request),
            price=request.POST.get("price", ""),
            shown_at=given[0],
            amount=given[1],
            subscription=chosen,
            gateway=gateway.default(),
            now=clock.now(),
        )
    except AmountOutdated:
        return _show(request, chosen, return_url, is_outdated=True)
    return ways.say(request, _("Your plan is changed."), return_url, level=messages.SUCCESS)
