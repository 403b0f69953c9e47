"""The access API: each view translates, makes one call, and answers."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

from django.conf import settings
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import ValidationError
from rest_framework.views import APIView

from accounts import clock, identity
from accounts.authentication import IsReader, IsSite
from accounts.identity import Identity
from accounts.models import User
from paywall import access, answers, articles, giving, markup
from paywall.decision.reasons import Access, Reason, Remedy
from paywall.giving import GiftTerms
from paywall.models import Article
from paywall.renderers import EmbeddableJsonRenderer, LinkedDataRenderer
from paywall.serializers import (
    ArticlePageSerializer,
    ArticleSerializer,
    BatchAnswerSerializer,
    BatchSerializer,
    DecisionSerializer,
    ExplainQuerySerializer,
    ExplanationSerializer,
    FaceSerializer,
    GiftSerializer,
    GiftsSerializer,
    MadeGiftSerializer,
    MarkupQuerySerializer,
    PageQuerySerializer,
    ReadSerializer,
    StatementSerializer,
)

_VARY = "Cookie, Authorization, X-Session-Token, X-Device-Id, Origin, Accept-Language"
_ID_LENGTH = Article._meta.get_field("id").max_length or 0

READER = OpenApiParameter("reader", str, description="A reader's public id; for site keys only.")
_NETWORK = OpenApiParameter(
    identity.READER_ADDRESS_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The network address from which the reader comes; for site keys only, which lend nobody their own.",
)
_AGENT = OpenApiParameter(
    identity.READER_AGENT_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="What the reader's client calls itself (User-Agent); for site keys only.",
)
_ON_BEHALF = [READER, _NETWORK, _AGENT]
_GIFT = OpenApiParameter(
    "gift", str, description="The code of a gift, as it stands in the article's address."
)


class PersonalView(APIView):
    """A view whose answers, errors included, are about a person: kept by no cache, keyed by all that names one."""

    permission_classes: list[type[BasePermission]] = [AllowAny]
    who = Identity(reader=None)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Learn who is asking."""
        super().initial(request, *args, **kwargs)
        self.who = identity.of(request)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Mark the answer as private; hand a new device its cookie."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final.headers["Cache-Control"] = "private, no-store"
        final.headers["Vary"] = _VARY
        identity.remember(final, self.who)
        return final


class ArticleView(PersonalView):
    """One article: its face for anybody, its statement for the CMS."""

    def get_permissions(self) -> list[BasePermission]:
        """Let anybody look and only a site state or remove."""
        return [IsSite()] if self.request.method in {"PUT", "DELETE"} else [AllowAny()]

    @extend_schema(
        operation_id="article_retrieve",
        summary="The public face of an article, and what this reader may see of it",
        parameters=_ON_BEHALF,
        responses=ArticleSerializer,
    )
    def get(self, request: Request, article_id: str) -> Response:
        """Answer with the face and a decision; never with the body."""
        now = clock.now()
        article = articles.public_face(article_id)
        decision = access.peek(self.who, article, now=now)
        answer = answers.to(self.who.reader, article, decision, now=now)
        face = _face(article) if decision.access is not Access.NONE else _no_face(article)
        return Response({**face, "access": DecisionSerializer(answer).data})

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


class AccessView(PersonalView):
    """May this reader see this article?"""

    @extend_schema(
        operation_id="article_access",
        summary="A decision; spends nothing",
        description="With the code of a gift: what opening the article with it would answer.",
        parameters=[*_ON_BEHALF, _GIFT],
        responses=DecisionSerializer,
    )
    def get(self, request: Request, article_id: str) -> Response:
        """Answer with a decision."""
        now = clock.now()
        article = articles.for_decision(article_id)
        gift = request.query_params.get("gift", "")
        decision = access.peek(self.who, article, now=now, gift=gift)
        answer = answers.to(self.who.reader, article, decision, now=now, gift=gift)
        return Response(DecisionSerializer(answer).data)


class ReadView(PersonalView):
    """Open an article."""

    @extend_schema(
        operation_id="article_read",
        summary="Open an article: a decision, and the body where access is full",
        description="The code of a gift is accepted for this reader, or else for this device, where nothing else opens "
        "the article; from then on it opens without the code. So send the code when somebody wants to read, not when a "
        "page is fetched: chat apps and mail scanners fetch pages.",
        parameters=[*_ON_BEHALF, _GIFT],
        request=None,
        responses=ReadSerializer,
    )
    def post(self, request: Request, article_id: str) -> Response:
        """Answer with a decision and with the text that it allows."""
        now = clock.now()
        article = articles.whole(article_id)
        gift = request.query_params.get("gift", "")
        reading = access.read(self.who, article, now=now, gift=gift)
        told = answers.to(self.who.reader, article, reading.decision, now=now, gift=gift)
        answer = DecisionSerializer(told).data
        text = {"body": reading.body} if reading.body is not None else {"teaser": reading.teaser}
        return Response({**answer, **text})


class BatchView(PersonalView):
    """Which of these articles may this reader see?"""

    @extend_schema(
        operation_id="access_batch",
        summary="Many decisions at once; spends nothing",
        parameters=_ON_BEHALF,
        request=BatchSerializer,
        responses=BatchAnswerSerializer,
    )
    def post(self, request: Request) -> Response:
        """Answer with a decision for each article that somebody stated."""
        asked = BatchSerializer(data=request.data)
        asked.is_valid(raise_exception=True)
        now = clock.now()
        ids = tuple(dict.fromkeys(asked.validated_data["articles"]))
        found = articles.many_for_decision(ids)
        decided = access.check_many(self.who, [found[each] for each in ids if each in found], now=now)
        answer = {
            "decisions": answers.to_many(self.who.reader, decided, now=now),
            "unknown": [each for each in ids if each not in found],
        }
        return Response(BatchAnswerSerializer(answer).data)


class CheckView(PersonalView):
    """The question of a reverse proxy (`auth_request`, forward auth), which only looks at the status."""

    @extend_schema(
        operation_id="access_check",
        summary="For a reverse proxy: may this request pass?",
        description="The article is found by the address. One that no article has is answered 403: nothing was "
        "published there. Where both headers are given they must lead to the same article.",
        parameters=[
            OpenApiParameter("X-Original-URI", str, OpenApiParameter.HEADER),
            OpenApiParameter("X-Forwarded-Uri", str, OpenApiParameter.HEADER),
        ],
        responses={
            204: OpenApiResponse(description="Full access."),
            401: OpenApiResponse(description="Sign in first."),
            403: OpenApiResponse(description="Anything else."),
        },
    )
    def get(self, request: Request) -> Response:
        """Answer with a status, the reason and the access."""
        now = clock.now()
        article = articles.at(
            uri for name in ("X-Original-URI", "X-Forwarded-Uri") if (uri := request.headers.get(name))
        )
        if article is None:
            return _passed(HTTPStatus.FORBIDDEN, Reason.UNPUBLISHED)
        # What passes is read: here a free read is spent, and never twice for one article.
        decision = access.spend(self.who, article, now=now)
        if decision.access is Access.FULL:
            return _passed(HTTPStatus.NO_CONTENT, decision.reason)
        sign_in_first = Remedy.LOG_IN in decision.remedies
        return _passed(HTTPStatus.UNAUTHORIZED if sign_in_first else HTTPStatus.FORBIDDEN, decision.reason)


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


def _face(article: Article) -> dict[str, Any]:
    return dict(FaceSerializer(article).data)


def _no_face(article: Article) -> dict[str, Any]:
    return {**dict.fromkeys(FaceSerializer().fields), "id": article.id}


def _passed(status: HTTPStatus, reason: Reason) -> Response:
    # Plain text, as PEP 3333 asks: not every server takes a member of an enumeration for it.
    headers = {"X-Paywall-Reason": reason.value, "X-Paywall-Access": reason.access.value}
    return Response(status=status, headers=headers)
