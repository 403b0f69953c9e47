"""May this reader see this article? Each view translates, makes one call, and answers."""

from __future__ import annotations

from http import HTTPStatus

from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from accounts import clock
from paywall import access, answers, articles
from paywall.decision.reasons import Reason
from paywall.serializers.decisions import (
    BatchAnswerSerializer,
    BatchSerializer,
    DecisionSerializer,
    ReadSerializer,
    decision_data,
    headers_of,
    status_of,
)
from paywall.views.personal import ON_BEHALF, PersonalView

_GIFT = OpenApiParameter(
    "gift", str, description="The code of a gift, as it stands in the article's address."
)


class AccessView(PersonalView):
    """May this reader see this article?"""

    @extend_schema(
        operation_id="article_access",
        summary="A decision; spends nothing",
        description="With the code of a gift: what opening the article with it would answer.",
        parameters=[*ON_BEHALF, _GIFT],
        responses=DecisionSerializer,
    )
    def get(self, request: Request, article_id: str) -> Response:
        """Answer with a decision."""
        now = clock.now()
        article = articles.for_decision(article_id)
        gift = request.query_params.get("gift", "")
        decision = access.peek(self.who, article, now=now, gift=gift)
        answer = answers.to(self.who.reader, article, decision, now=now, gift=gift)
        return Response(decision_data(answer))


class ReadView(PersonalView):
    """Open an article."""

    @extend_schema(
        operation_id="article_read",
        summary="Open an article: a decision, and the body where access is full",
        description="The code of a gift is accepted for this reader, or else for this device, where nothing else opens "
        "the article; from then on it opens without the code. So send the code when somebody wants to read, not when a "
        "page is fetched: chat apps and mail scanners fetch pages.",
        parameters=[*ON_BEHALF, _GIFT],
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
        answer = decision_data(told)
        text = {"body": reading.body} if reading.body is not None else {"teaser": reading.teaser}
        return Response({**answer, **text})


class BatchView(PersonalView):
    """Which of these articles may this reader see?"""

    @extend_schema(
        operation_id="access_batch",
        summary="Many decisions at once; spends nothing",
        parameters=ON_BEHALF,
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
        return _passed(status_of(decision), decision.reason)


def _passed(status: HTTPStatus, reason: Reason) -> Response:
    return Response(status=status, headers=headers_of(reason))
