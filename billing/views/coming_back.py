"""Coming back: the API's call and the reader's page, both of which show the amount before anything is bought."""

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
from billing import gateway, links, returning
from billing.errors import AmountOutdated
from billing.serializers import ReturnRequestSerializer, ReturnSerializer, SubscriptionStateSerializer
from billing.views import answers, asked, ways
from billing.views.shown import shown


class ReturnView(APIView):
    """What ended, again."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="subscription_return",
        summary="Come back",
        description=(
            "What ended begins again with the card on file. With `preview` it says what is charged; agreeing repeats "
            "`price`, `shown_at` and `amount`. A card that does not pay buys nothing. Repeating it changes nothing."
        ),
        request=ReturnRequestSerializer,
        responses={
            200: PolymorphicProxySerializer(
                component_name="ReturnAnswer",
                serializers=[ReturnSerializer, SubscriptionStateSerializer],
                resource_type_field_name=None,
            ),
            409: OpenApiResponse(
                description="A problem; `remedies` say what is needed instead, nearest first."
            ),
        },
    )
    def post(self, request: Request) -> Response:
        """Show what coming back would cost, or do it and answer with the new state."""
        wish = asked.body(ReturnRequestSerializer, request)
        reader, now, price = asked.reader(request), clock.now(), wish.get("price", "")
        if wish["preview"]:
            proposal = returning.propose(reader, price=price, gateway=gateway.default(), now=now)
            return Response(ReturnSerializer(proposal).data)
        returning.agree(
            reader,
            price=price,
            shown_at=wish["shown_at"],
            amount=wish["amount"],
            gateway=gateway.default(),
            now=now,
        )
        return answers.state(reader)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def come_back(request: HttpRequest) -> HttpResponse:
    """Show what coming back costs; on POST do it."""
    return_url = ways.return_url(request)
    return ways.agreed(
        request,
        lambda: _agree(request, return_url) if request.method == "POST" else _show(request, return_url),
        otherwise=links.subscribe(return_url=return_url, everything=True),
    )


def _show(request: HttpRequest, return_url: str, *, is_outdated: bool = False) -> HttpResponse:
    proposal = returning.propose(ways.reader(request), gateway=gateway.default(), now=clock.now())
    context = {
        "proposal": proposal,
        "return_url": return_url,
        "is_outdated": is_outdated,
        "all_url": links.subscribe(return_url=return_url, everything=True),
    }
    return render(request, "billing/come_back.html", context)


def _agree(request: HttpRequest, return_url: str) -> HttpResponse:
    given = shown(request)
    if given is None:
        return _show(request, return_url)
    try:
        returning.agree(
            ways.reader(request),
            price=request.POST.get("price", ""),
            shown_at=given[0],
            amount=given[1],
            return_url=return_url,
            gateway=gateway.default(),
            now=clock.now(),
        )
    except AmountOutdated:
        return _show(request, return_url, is_outdated=True)
    return ways.say(request, _("Welcome back."), return_url, level=messages.SUCCESS)
