"""A pause: the API's call and the reader's page; and the button that takes back a pause, or an end."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import clock
from accounts.authentication import IsReader
from billing import contracts, gateway, links, pausing
from billing.errors import NothingToDo, SaleRefused, StripeRefused, StripeTrouble
from billing.serializers import PauseRequestSerializer, SubscriptionStateSerializer
from billing.views import answers, asked, ways
from billing.views.shown import moment


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
        wish = asked.body(PauseRequestSerializer, request)
        reader = asked.reader(request)
        pausing.pause(
            reader,
            until=wish["until"],
            subscription=wish.get("subscription"),
            gateway=gateway.default(),
            now=clock.now(),
        )
        return answers.state(reader)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def pause(request: HttpRequest) -> HttpResponse:
    """Show until when a pause may last; on POST pause."""
    reader, now = ways.reader(request), clock.now()
    chosen = request.POST.get("subscription") or request.GET.get("subscription") or None
    try:
        if request.method != "POST":
            row = contracts.own_open(reader, chosen, now=now)
            return render(
                request,
                "billing/pause.html",
                {"subscription": str(row.pk), "pause_until": pausing.dates(row, now=now)},
            )
        until = moment(request.POST.get("until", ""))
        if until is None:
            return ways.see_other(links.account())
        pausing.pause(reader, until=until, subscription=chosen, gateway=gateway.default(), now=now)
    except NothingToDo as nothing:
        return ways.say(request, str(nothing), links.account())
    except SaleRefused as refusal:
        return ways.refuse(request, refusal)
    except (StripeTrouble, StripeRefused):
        return ways.try_again(request, links.account())
    return ways.say(request, _("Your subscription is paused."), links.account(), level=messages.SUCCESS)


@require_POST
@login_required
def resume(request: HttpRequest) -> HttpResponse:
    """Take a cancellation back."""
    chosen = request.POST.get("subscription")
    try:
        pausing.resume(ways.reader(request), subscription=chosen, gateway=gateway.default(), now=clock.now())
    except NothingToDo as nothing:
        return ways.say(request, str(nothing), links.account())
    except SaleRefused as refusal:
        return ways.refuse(request, refusal)
    except (StripeTrouble, StripeRefused):
        return ways.try_again(request, links.account())
    return ways.see_other(links.account())
