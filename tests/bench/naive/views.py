"""May this reader see this article?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.shortcuts import get_object_or_404
from django.utils import timezone
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.bench.naive.models import Article

_LIMIT = 3
_WINDOW = timedelta(days=30)


class MeterSerializer(serializers.Serializer[Any]):
    """Free reads."""

    limit = serializers.IntegerField()
    used = serializers.IntegerField()
    remaining = serializers.IntegerField()


class DecisionSerializer(serializers.Serializer[Any]):
    """The answer."""

    article = serializers.SlugField(source="article.slug")
    access = serializers.CharField()
    reason = serializers.CharField()
    meter = MeterSerializer(allow_null=True)
    until = serializers.DateTimeField(allow_null=True)


class AccessView(APIView):
    """A decision; spends nothing."""

    def get(self, request: Request, slug: str) -> Response:
        """Answer with a decision."""
        article = get_object_or_404(Article, slug=slug)
        reader = request.user if isinstance(request.user, User) else None
        return Response(DecisionSerializer(_decide(article, reader)).data)


def _decide(article: Article, reader: User | None) -> dict[str, Any]:
    refused = {"article": article, "access": "teaser", "reason": "refused", "meter": None, "until": None}
    if reader is None:
        return refused
    now = timezone.now()
    subscription = reader.subscriptions.filter(status="active", ends_at__gt=now).first()
    if subscription is not None:
        return {**refused, "access": "full", "reason": "entitled", "until": subscription.ends_at}
    if not article.is_metered:
        return refused
    reads = reader.free_reads.filter(read_at__gte=now - _WINDOW)
    used = reads.values("article").distinct().count()
    meter = {"limit": _LIMIT, "used": used, "remaining": max(0, _LIMIT - used)}
    if used < _LIMIT or reads.filter(article=article).exists():
        return {**refused, "access": "full", "reason": "metered", "meter": meter}
    return {**refused, "meter": meter}
