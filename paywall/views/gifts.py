"""Gifts, for those who make them."""

from __future__ import annotations

from http import HTTPStatus
from typing import cast

from django.conf import settings
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import clock
from accounts.authentication import IsReader
from accounts.models import User
from paywall import articles, giving
from paywall.giving import GiftTerms
from paywall.serializers.gifts import GiftSerializer, GiftsSerializer, MadeGiftSerializer
from paywall.views.personal import PersonalView


class GiveView(PersonalView):
    """Give an article away."""

    permission_classes: list[type[BasePermission]] = [IsReader]

    @extend_schema(
        operation_id="article_give",
        summary="Make a gift of an article: a link that opens it to a few others",
        description="While an earlier gift of the article can still be accepted it is that one, at no cost.",
        request=None,
        responses={
            200: OpenApiResponse(MadeGiftSerializer, description="The same gift again."),
            201: OpenApiResponse(MadeGiftSerializer, description="New."),
            409: OpenApiResponse(description="`gift_not_yours_to_give`, `gift_quota_used` or `gifts_off`."),
        },
    )
    def post(self, request: Request, article_id: str) -> Response:
        """Answer with the gift."""
        now, reader, terms = clock.now(), cast(User, request.user), _gift_terms()
        article = articles.for_decision(article_id)
        given, is_new = giving.give(reader, article, terms=terms, now=now)
        gifts_left = giving.left(reader, terms=terms, now=now)
        answer = {**GiftSerializer(given).data, "gifts_left": gifts_left}
        return Response(answer, status=HTTPStatus.CREATED if is_new else HTTPStatus.OK)


class GiftsView(PersonalView):
    """What I have given."""

    permission_classes: list[type[BasePermission]] = [IsReader]

    @extend_schema(
        operation_id="gift_list",
        summary="My gifts that still open something, newest first",
        responses=GiftsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with the gifts, and with how many more can be made."""
        now, reader = clock.now(), cast(User, request.user)
        answer = {
            "gifts": giving.of(reader, now=now),
            "gifts_left": giving.left(reader, terms=_gift_terms(), now=now),
            "resets_at": giving.returns_at(now=now),
        }
        return Response(GiftsSerializer(answer).data)


class GiftView(PersonalView):
    """One of my gifts."""

    permission_classes: list[type[BasePermission]] = [IsReader]

    @extend_schema(
        operation_id="gift_destroy",
        summary="Take a gift back",
        description="It opens nothing from then on, also to those who have accepted it. It still counts for the month.",
        responses={204: None},
    )
    def delete(self, request: Request, gift_id: str) -> Response:
        """Take it back."""
        giving.take_back(cast(User, request.user), gift_id, now=clock.now())
        return Response(status=HTTPStatus.NO_CONTENT)


def _gift_terms() -> GiftTerms:
    return GiftTerms(settings.GIFTS_PER_MONTH, settings.GIFT_TIME, settings.GIFT_OPENINGS)
