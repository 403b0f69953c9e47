"""Decisions, one and many, and an opened article."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from rest_framework import serializers

from accounts.serializers import StrictSerializer
from paywall.decision.policy import Decision
from paywall.decision.reasons import Access, Reason, Remedy

BATCH_LIMIT = 100


class LinkSerializer(serializers.Serializer[Any]):
    """A way in."""

    kind = serializers.ChoiceField(choices=[remedy.value for remedy in Remedy])
    url = serializers.URLField(
        allow_null=True, help_text="Absolute; null where there is nothing to do but wait."
    )


class NoticeSerializer(serializers.Serializer[Any]):
    """What to tell this reader, as plain text in their language."""

    title = serializers.CharField()
    text = serializers.CharField()


class MeterSerializer(serializers.Serializer[Any]):
    """Free reads."""

    limit = serializers.IntegerField()
    used = serializers.IntegerField()
    remaining = serializers.IntegerField()
    resets_at = serializers.DateTimeField(
        allow_null=True, help_text="When the next free read comes back; null while none is used."
    )


class DecisionSerializer(serializers.Serializer[Any]):
    """May this reader see the full article, and if not, what is the nearest way in?"""

    id = serializers.CharField()
    article = serializers.CharField()
    access = serializers.ChoiceField(choices=[access.value for access in Access])
    reason = serializers.ChoiceField(choices=[reason.value for reason in Reason])
    products = serializers.ListField(
        child=serializers.CharField(), help_text="Any one of them opens the article."
    )
    remedies = LinkSerializer(many=True, help_text="Nearest way in first.")
    notice = NoticeSerializer(allow_null=True)
    meter = MeterSerializer(allow_null=True)
    until = serializers.DateTimeField(allow_null=True, help_text="When this answer may change by itself.")
    checking = serializers.BooleanField(
        help_text="Whether we are asking Stripe again because of this refusal: ask once more in some seconds."
    )


_ONE_DECISION = DecisionSerializer()


def decision_data(answer: object) -> dict[str, Any]:
    """Return `DecisionSerializer(answer).data`; making a serializer costs more than using it."""
    told: dict[str, Any] = _ONE_DECISION.to_representation(answer)
    return told


def status_of(decision: Decision) -> HTTPStatus:
    """Return how a proxy's check is answered: passed, sign in first, or refused."""
    if decision.access is Access.FULL:
        return HTTPStatus.NO_CONTENT
    return HTTPStatus.UNAUTHORIZED if Remedy.LOG_IN in decision.remedies else HTTPStatus.FORBIDDEN


def headers_of(reason: Reason) -> dict[str, str]:
    """Return what a proxy's check says beside its status."""
    # Plain text, as PEP 3333 asks: not every server takes a member of an enumeration for it.
    return {"X-Paywall-Reason": reason.value, "X-Paywall-Access": reason.access.value}


class ReadSerializer(DecisionSerializer):
    """A decision, and of the text what it allows: the body when access is full, else at most the teaser."""

    body = serializers.CharField(required=False)
    teaser = serializers.CharField(required=False, allow_null=True)


class BatchSerializer(StrictSerializer):
    """Which articles to decide about."""

    articles = serializers.ListField(child=serializers.CharField(max_length=120), max_length=BATCH_LIMIT)


class BatchAnswerSerializer(serializers.Serializer[Any]):
    """Decisions in the order asked, each article once; ids that nobody stated stand apart."""

    decisions = DecisionSerializer(many=True)
    unknown = serializers.ListField(child=serializers.CharField())
