"""Articles: their face for anybody, their statement for the CMS, their markup for search engines."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError

from accounts import clock
from accounts.authentication import IsSite
from paywall import access, answers, articles, markup
from paywall.decision.reasons import Access
from paywall.models import Article
from paywall.renderers import EmbeddableJsonRenderer, LinkedDataRenderer
from paywall.serializers.articles import (
    ArticlePageSerializer,
    ArticleSerializer,
    FaceSerializer,
    MarkupQuerySerializer,
    PageQuerySerializer,
    StatementSerializer,
)
from paywall.serializers.decisions import decision_data
from paywall.views.personal import ON_BEHALF, PersonalView

_ID_LENGTH = Article._meta.get_field("id").max_length or 0


class ArticleView(PersonalView):
    """One article: its face for anybody, its statement for the CMS."""

    def get_permissions(self) -> list[BasePermission]:
        """Let anybody look and only a site state or remove."""
        return [IsSite()] if self.request.method in {"PUT", "DELETE"} else [AllowAny()]

    @extend_schema(
        operation_id="article_retrieve",
        summary="The public face of an article, and what this reader may see of it",
        parameters=ON_BEHALF,
        responses=ArticleSerializer,
    )
    def get(self, request: Request, article_id: str) -> Response:
        """Answer with the face and a decision; never with the body."""
        now = clock.now()
        article = articles.public_face(article_id)
        decision = access.peek(self.who, article, now=now)
        answer = answers.to(self.who.reader, article, decision, now=now)
        face = _face(article) if decision.access is not Access.NONE else _no_face(article)
        return Response({**face, "access": decision_data(answer)})

    @extend_schema(
        operation_id="article_state",
        summary="State an article whole",
        description="Idempotent. For site keys only.",
        request=StatementSerializer,
        responses={
            200: OpenApiResponse(description="Stated again."),
            201: OpenApiResponse(description="New."),
        },
    )
    def put(self, request: Request, article_id: str) -> Response:
        """Make the article what the CMS says it is."""
        if len(article_id) > _ID_LENGTH:
            raise ValidationError({"id": [f"An id has at most {_ID_LENGTH} characters."]})
        said = StatementSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        is_new = articles.state(article_id, said.statement(), now=clock.now())
        return Response(status=HTTPStatus.CREATED if is_new else HTTPStatus.OK)

    @extend_schema(
        operation_id="article_remove",
        summary="Forget an article",
        description="For site keys only.",
        responses={204: None},
    )
    def delete(self, request: Request, article_id: str) -> Response:
        """Forget the article."""
        articles.remove(article_id)
        return Response(status=HTTPStatus.NO_CONTENT)


class MarkupView(PersonalView):
    """What search engines are told of an article."""

    renderer_classes = [LinkedDataRenderer, EmbeddableJsonRenderer]

    @extend_schema(
        operation_id="article_markup",
        summary="JSON-LD of an article, ready to stand in a script element of its page",
        description="The same for everybody. 204 while nobody may know of the article.",
        parameters=[MarkupQuerySerializer],
        responses={
            (200, "application/ld+json"): OpenApiTypes.OBJECT,
            204: OpenApiResponse(description="There is nothing to say."),
        },
    )
    def get(self, request: Request, article_id: str) -> Response:
        """Answer with the markup."""
        query = MarkupQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        told = markup.json_ld(
            articles.public_face(article_id),
            publication=settings.SITE_NAME,
            selector=query.validated_data["selector"],
            now=clock.now(),
        )
        return Response(told) if told is not None else Response(status=HTTPStatus.NO_CONTENT)


class ArticleListView(PersonalView):
    """What the CMS stated, for the CMS."""

    permission_classes: list[type[BasePermission]] = [IsSite]

    @extend_schema(
        operation_id="article_list",
        summary="All articles as stated, newest first, without bodies",
        parameters=[OpenApiParameter("cursor", str, description="`next` of the answer before.")],
        responses=ArticlePageSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with a page."""
        query = PageQuerySerializer(data=request.query_params)
        query.is_valid(raise_exception=True)
        return Response(
            ArticlePageSerializer(articles.newest_first(after=query.validated_data.get("cursor"))).data
        )


def _face(article: Article) -> dict[str, Any]:
    return dict(FaceSerializer(article).data)


def _no_face(article: Article) -> dict[str, Any]:
    return {**dict.fromkeys(FaceSerializer().fields), "id": article.id}
