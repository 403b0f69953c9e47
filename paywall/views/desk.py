"""What a site's own support desk asks: why, how does everybody else see it, since when? For site keys only."""

from __future__ import annotations

from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError

from accounts import clock
from accounts.authentication import IsSite
from accounts.models import User
from paywall import access, answers, articles, perspectives, timeline
from paywall.serializers.explanations import (
    ExplainQuerySerializer,
    ExplanationSerializer,
    PerspectivesSerializer,
    TimelineQuerySerializer,
    TimelineSerializer,
)
from paywall.views.personal import READER, PersonalView


class ExplainView(PersonalView):
    """Why, for the site's own support desk."""

    permission_classes: list[type[BasePermission]] = [IsSite]

    @extend_schema(
        operation_id="article_explain",
        summary="A decision at any moment, with every step and fact behind it",
        description="For site keys only.",
        parameters=[READER, ExplainQuerySerializer],
        responses=ExplanationSerializer,
    )
    def get(self, request: Request, article_id: str) -> Response:
        """Answer with the explanation."""
        query = ExplainQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        now = clock.now()
        at, known_at = query.validated_data.get("at", now), query.validated_data.get("known_at", now)
        article = articles.for_decision(article_id)
        asks_from = {
            name: query.validated_data[name] for name in ("network", "agent") if name in query.validated_data
        }
        told = access.explain(self.who.reader, article, at=at, known_at=known_at, **asks_from)
        answer = {
            "at": told.at,
            "known_at": told.known_at,
            "decision": answers.to(told.reader, article, told.decision, now=at),
            "steps": told.steps,
            "facts": told.facts,
            "caveats": told.caveats,
        }
        return Response(ExplanationSerializer(answer).data)


class PerspectivesView(PersonalView):
    """One article as everybody sees it."""

    permission_classes: list[type[BasePermission]] = [IsSite]

    @extend_schema(
        operation_id="article_perspectives",
        summary="What each kind of reader is shown and told of an article now",
        description="For site keys only: a stranger, a registered reader, subscribers in each standing, guests, "
        "crawlers, staff; with free reads left and without. Never the text.",
        responses=PerspectivesSerializer,
    )
    def get(self, request: Request, article_id: str) -> Response:
        """Answer with a decision for each kind of reader."""
        now = clock.now()
        article = articles.for_decision(article_id)
        seen = perspectives.of(article, now=now)
        told = answers.to_many(None, [(article, each.decision) for each in seen], now=now)
        rows = [{"name": each.name, "decision": decision} for each, decision in zip(seen, told, strict=True)]
        return Response(PerspectivesSerializer({"at": now, "perspectives": rows}).data)


class TimelineView(PersonalView):
    """One reader's access to one article over time."""

    permission_classes: list[type[BasePermission]] = [IsSite]

    @extend_schema(
        operation_id="article_timeline",
        summary="One reader's access to an article over time, by what was known then",
        description="For site keys only, and for people who look: it decides again at each turn of the facts, so it "
        "is too dear to be asked with every page. The reader is taken to come from nowhere in particular.",
        parameters=[
            OpenApiParameter("reader", str, required=True, description="The reader's public id."),
            TimelineQuerySerializer,
        ],
        responses=TimelineSerializer,
    )
    def get(self, request: Request, article_id: str) -> Response:
        """Answer with the spans."""
        reader = self._reader()
        query = TimelineQuerySerializer(data=request.query_params, context={"now": clock.now()})
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        article = articles.for_decision(article_id)
        spans = timeline.of(reader, article, **asked)
        answer = {"article": article.id, "reader": reader.public_id, **asked, "spans": spans}
        return Response(TimelineSerializer(answer).data)

    def _reader(self) -> User:
        if self.who.reader is None:
            raise ValidationError({"reader": [_("Say whose access: the public id of a reader.")]})
        return self.who.reader
