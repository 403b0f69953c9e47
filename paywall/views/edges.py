"""What edges need to decide without asking us each time: tokens, the keys that sign them, the feed that voids them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import clock
from accounts.authentication import IsSite
from accounts.models import User
from paywall import epochs, keys, tokens
from paywall.errors import SiteUnknown
from paywall.serializers.edges import (
    FeedQuerySerializer,
    FeedSerializer,
    TokenRequestSerializer,
    TokenSerializer,
)
from paywall.views.personal import READER, PersonalView

# Longer than an edge should go without looking, shorter than a key is published before it signs.
_KEYS_MAY_BE_KEPT = "public, max-age=300"


class TokenView(PersonalView):
    """A token on what whoever asks holds."""

    @extend_schema(
        operation_id="access_token",
        summary="A short-lived signed token on what a reader holds",
        description="For readers, or for a site key that names one with `reader`. Whoever it does not let in is asked "
        "about here: a token never refuses, it only fails to open.",
        parameters=[READER],
        request=TokenRequestSerializer,
        responses=TokenSerializer,
    )
    def post(self, request: Request) -> Response:
        """Answer with a token."""
        asked = TokenRequestSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        reader = self._reader(request)
        site = _site(request, named=asked.validated_data.get("site"))
        token = tokens.mint(reader, site=site, now=clock.now())
        return Response(TokenSerializer(token).data)

    def _reader(self, request: Request) -> User:
        if self.who.reader is not None:
            return self.who.reader
        if self.who.site is not None:
            raise PermissionDenied("Say for which reader: `?reader=`.")
        raise NotAuthenticated


class FeedView(PersonalView):
    """Whose tokens became void in the last minutes."""

    permission_classes: list[type[BasePermission]] = [IsSite]

    @extend_schema(
        operation_id="access_epochs",
        summary="Whose tokens became void in the last minutes, and which keys count",
        description="For site keys only. Ask every few seconds, with `next` of the answer before. A subject may be "
        "told more than once: the highest epoch counts. What is older than a token lives may be forgotten.",
        parameters=[
            OpenApiParameter("site", str, required=True, description="The origin that the edge serves."),
            OpenApiParameter("since", str, description="`next` of the answer before; leave it out to begin."),
        ],
        responses=FeedSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with a page of the feed."""
        asked = FeedQuerySerializer(data=request.query_params)
        asked.is_valid(raise_exception=True)
        site = tokens.audience(asked.validated_data["site"])
        now = clock.now()
        page = epochs.since(asked.validated_data.get("since"), audience=site, now=now)
        answer = {
            "epochs": page.epochs,
            "keys": keys.published_ids(now=now),
            "next": page.next,
            "more": page.more,
        }
        return Response(FeedSerializer(answer).data)


@require_safe
def key_set(request: HttpRequest) -> HttpResponse:
    """Answer with the public keys (RFC 7517): the one answer of this app that is the same for everybody."""
    keys_that_count = {"keys": keys.published(now=clock.now())}
    return JsonResponse(keys_that_count, headers={"Cache-Control": _KEYS_MAY_BE_KEPT})


def _site(request: Request, *, named: str | None) -> str:
    """Return for which site a token is to be; a browser on one site is given none for another.

    :raises SiteUnknown: nobody says, or the page that asks is on another site.
    """
    here: Any = request.headers.get("Origin")
    site = named or here
    if site is None:
        raise SiteUnknown("Say for which site: an origin such as https://news.example.")
    if here not in {None, settings.SITE_URL, site}:
        raise SiteUnknown("A page is given tokens for its own site only.")
    return str(site)
