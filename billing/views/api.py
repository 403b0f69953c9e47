"""The billing half of the public API: plans, checkout, the subscription, the card, invoices."""

from __future__ import annotations

from typing import cast

from django.http import HttpRequest
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.exceptions import Throttled, ValidationError
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import clock, limits
from accounts.authentication import IsReader
from accounts.models import User
from billing import (
    cards,
    contracts,
    gateway,
    invoices,
    offers,
    oneoff,
    overlaps,
    pausing,
    redeeming,
    subscribing,
)
from billing.contracts import Why
from billing.errors import CursorUnknown
from billing.serializers import (
    AddressSerializer,
    CancelRequestSerializer,
    CardRequestSerializer,
    CheckoutRequestSerializer,
    CheckoutSerializer,
    InvoicesSerializer,
    PlansSerializer,
    RedeemRequestSerializer,
    SubscriptionRequestSerializer,
    SubscriptionStateSerializer,
)
from billing.views import answers, asked, typed

_AN_HOUR = 3600  # seconds
_REFUSED = OpenApiResponse(description="A problem; `remedies` say what is needed instead, nearest first.")
_NOT_TO_BE_HAD = OpenApiResponse(
    description="A problem: the price is not on sale, or the code gives nothing."
)
_NOTHING = OpenApiResponse(
    description="A problem: there is no subscription (or card) in the state that this needs."
)


class PlansView(APIView):
    """What is on sale."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="plans_list",
        summary="Plans on sale",
        parameters=[
            OpenApiParameter("product", str, description="Only plans that open this product."),
            OpenApiParameter(
                "currency",
                str,
                description="One of `currencies`. Without it the reader's languages decide. Who has paid before "
                "is kept to that currency, whatever is asked for.",
            ),
        ],
        responses={200: PlansSerializer, 400: OpenApiResponse(description="A currency that is not offered.")},
    )
    def get(self, request: Request) -> Response:
        """Answer with the plans and passes on sale, cheapest price first."""
        product = request.query_params.get("product")
        currency = request.query_params.get("currency", "").lower()
        reader = request.user if isinstance(request.user, User) else None
        found = offers.to(
            reader,
            product=product,
            currency=currency,
            languages=request.META.get("HTTP_ACCEPT_LANGUAGE", ""),
        )
        if currency and not offers.is_offered(currency):
            listed = ", ".join(found.currencies) or "-"
            raise ValidationError(
                {"currency": [_("Not offered. There are: %(listed)s.") % {"listed": listed}]}
            )
        sold_once = oneoff.passes(product=product, currency=found.currency)
        sale = {
            "plans": found.plans,
            "currency": found.currency,
            "currencies": found.currencies,
            "passes": sold_once,
            "gifts": oneoff.presents(product=product, currency=found.currency),
            "overlaps": overlaps.of_sale(reader, found.plans, sold_once, now=clock.now()),
        }
        return Response(PlansSerializer(sale).data)


class CheckoutView(APIView):
    """The way to pay."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="checkout_create",
        summary="Start Checkout",
        description=(
            "Asked again, or in parallel, it answers with the one open Checkout of this reader. `overlaps` say what "
            "opens the same to them already, and until when: tell them before you send them on."
        ),
        request=CheckoutRequestSerializer,
        responses={201: CheckoutSerializer, 400: _NOT_TO_BE_HAD, 409: _REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Open Checkout for a price."""
        wish = asked.body(CheckoutRequestSerializer, request)
        reader, now = asked.reader(request), clock.now()
        checkout = subscribing.start(
            reader,
            price=wish["price"],
            quantity=wish["quantity"],
            return_url=wish["return_url"],
            code=typed.code(request, wish.get("code", ""), reader=reader),
            gateway=gateway.default(),
            now=now,
        )
        answer = {"url": checkout.url, "overlaps": overlaps.of(reader, checkout.products, now=now)}
        return Response(CheckoutSerializer(answer).data, status=status.HTTP_201_CREATED)


class SubscriptionView(APIView):
    """The reader's subscription."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="subscription_retrieve",
        summary="The subscription, and what happens next",
        responses=SubscriptionStateSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with the state of what the reader bought."""
        return answers.state(asked.reader(request))


class CancelView(APIView):
    """Ending a subscription."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="subscription_cancel",
        summary="Cancel",
        description="Ends with the paid period; at once where a payment failed. Repeating it changes nothing.",
        request=CancelRequestSerializer,
        responses={200: SubscriptionStateSerializer, 409: _NOTHING},
    )
    def post(self, request: Request) -> Response:
        """Cancel and answer with the new state."""
        wish = asked.body(CancelRequestSerializer, request)
        reader = asked.reader(request)
        contracts.cancel(
            reader,
            subscription=wish.get("subscription"),
            why=Why(wish.get("feedback", ""), wish.get("comment", "")),
            gateway=gateway.default(),
            now=clock.now(),
        )
        return answers.state(reader)


class ResumeView(APIView):
    """Keeping a subscription after all."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="subscription_resume",
        summary="Take a cancellation or a pause back",
        description="A pause that has begun ends with a new period, charged now; before, nothing is charged.",
        request=SubscriptionRequestSerializer,
        responses={200: SubscriptionStateSerializer, 409: _NOTHING},
    )
    def post(self, request: Request) -> Response:
        """Resume and answer with the new state."""
        wish = asked.body(SubscriptionRequestSerializer, request)
        reader = asked.reader(request)
        pausing.resume(
            reader, subscription=wish.get("subscription"), gateway=gateway.default(), now=clock.now()
        )
        return answers.state(reader)


class RedeemView(APIView):
    """Redeeming a gift subscription."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="gift_subscription_redeem",
        summary="Redeem the code of a gift subscription",
        description="Once, by one reader; needs no card. A code that cannot be redeemed never says why.",
        request=RedeemRequestSerializer,
        responses={
            200: SubscriptionStateSerializer,
            409: OpenApiResponse(description="A problem: not to be redeemed, or already subscribed."),
            429: OpenApiResponse(description="A problem: too many codes were tried."),
        },
    )
    def post(self, request: Request) -> Response:
        """Redeem and answer with what the reader holds then."""
        wish = asked.body(RedeemRequestSerializer, request)
        reader = asked.reader(request)
        if not limits.may_type_gift_code(cast("HttpRequest", request), reader=reader.public_id):
            raise Throttled(wait=_AN_HOUR)
        redeeming.redeem(wish["code"], reader=reader, gateway=gateway.default(), now=clock.now())
        return answers.state(reader)


class CardView(APIView):
    """The card on file."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="card_create",
        summary="Replace the card",
        description="On return the new card is the default everywhere, and what was open has been paid with it.",
        request=CardRequestSerializer,
        responses={201: AddressSerializer, 409: _NOTHING},
    )
    def post(self, request: Request) -> Response:
        """Open a hosted card form."""
        wish = asked.body(CardRequestSerializer, request)
        url = cards.start_form(
            asked.reader(request), return_url=wish["return_url"], gateway=gateway.default(), now=clock.now()
        )
        return Response(AddressSerializer({"url": url}).data, status=status.HTTP_201_CREATED)


class InvoicesView(APIView):
    """The reader's invoices."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="invoices_list",
        summary="Invoices, newest first",
        parameters=[OpenApiParameter("cursor", str, description="`next` of the page before.")],
        responses=InvoicesSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with a page of invoices."""
        try:
            page = invoices.page(asked.reader(request), cursor=request.query_params.get("cursor", ""))
        except CursorUnknown as error:
            raise ValidationError({"cursor": ["This cursor is none of ours."]}) from error
        return Response(InvoicesSerializer(page).data)
