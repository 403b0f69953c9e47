"""Articles: their face for anybody, their statement by the CMS."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import StrictSerializer
from paywall.articles import Statement
from paywall.decision.article import Demand
from paywall.models import Article
from paywall.serializers.decisions import DecisionSerializer
from paywall.serializers.fields import CursorField, MomentField


class FaceSerializer(serializers.Serializer[Any]):
    """What anybody may see of a published article."""

    id = serializers.CharField()
    url = serializers.URLField(allow_null=True)
    title = serializers.CharField(allow_null=True)
    section = serializers.CharField(allow_null=True)
    kind = serializers.CharField(allow_null=True)
    tags = serializers.ListField(child=serializers.CharField(), allow_null=True)
    authors = serializers.ListField(child=serializers.CharField(), allow_null=True)
    published_at = serializers.DateTimeField(allow_null=True)
    teaser = serializers.CharField(allow_null=True, source="shown_teaser")
    words = serializers.IntegerField(allow_null=True)


class ArticleSerializer(FaceSerializer):
    """An article's public face and what this reader may see of it. With access `none` all but the id is null."""

    access = DecisionSerializer()


class StatedArticleSerializer(FaceSerializer):
    """An article as the CMS stated it, without its body."""

    unpublished_at = serializers.DateTimeField(allow_null=True)
    embargo_until = serializers.DateTimeField(allow_null=True)
    demand = serializers.SerializerMethodField(help_text="Null where the rules say.")
    products = serializers.ListField(child=serializers.CharField())
    stated_at = serializers.DateTimeField()

    @extend_schema_field(
        serializers.ChoiceField(choices=[demand.value for demand in Demand], allow_null=True)
    )
    def get_demand(self, article: Article) -> str | None:
        """Return what was stated."""
        return article.demand or None


class ArticlePageSerializer(serializers.Serializer[Any]):
    """A part of the list, newest first."""

    articles = StatedArticleSerializer(many=True)
    next = CursorField(allow_null=True, help_text="Ask for `?cursor=` this; null at the end.")


class MarkupQuerySerializer(serializers.Serializer[Any]):
    """What on the article's page the wall withholds."""

    selector = serializers.RegexField(
        r"^\.[A-Za-z_-][A-Za-z0-9_-]{0,79}\Z",
        default=".paywall",
        help_text="A class, as search engines want it.",
    )


class PageQuerySerializer(serializers.Serializer[Any]):
    """Where in the list to go on."""

    cursor = CursorField(required=False)


class StatementSerializer(StrictSerializer):
    """All that the CMS says of an article; what it leaves out is empty from then on."""

    url = serializers.RegexField(r"^https?://[^\s]+$", max_length=500)
    title = serializers.CharField(max_length=300)
    section = serializers.CharField(max_length=80, allow_blank=True, default="")
    kind = serializers.CharField(
        max_length=80,
        allow_blank=True,
        default="",
        help_text="Its type, in the newsroom's word: report, opinion …",
    )
    tags = serializers.ListField(child=serializers.CharField(max_length=80), max_length=50, default=list)
    authors = serializers.ListField(child=serializers.CharField(max_length=120), max_length=50, default=list)
    published_at = MomentField()
    unpublished_at = MomentField(allow_null=True, default=None)
    embargo_until = MomentField(allow_null=True, default=None)
    demand = serializers.ChoiceField(
        choices=[demand.value for demand in Demand],
        allow_null=True,
        default=None,
        help_text="What this very article asks. Leave it out to let the published rules say.",
    )
    products = serializers.ListField(
        child=serializers.SlugField(max_length=60),
        max_length=20,
        default=list,
        help_text="Any one of them opens the article. For `subscriber` and `metered` articles, and only for them.",
    )
    teaser = serializers.CharField(allow_blank=True, default="", trim_whitespace=False)
    body = serializers.CharField(trim_whitespace=False)
    words = serializers.IntegerField(
        min_value=0, max_value=1_000_000, required=False, help_text="Counted where it is left out."
    )

    def validate_url(self, value: str) -> str:
        """Refuse an address that has no host or cannot be taken apart."""
        try:
            host = urlsplit(value).hostname
        except ValueError:
            host = None
        if not host:
            raise serializers.ValidationError(_("This is no address of a page."))
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse a demand and products that do not fit each other."""
        demand = attrs["demand"]
        if (demand is not None and Demand(demand).is_for_products) != bool(attrs["products"]):
            complaint = _("A subscriber or metered article names at least one product, any other names none.")
            raise serializers.ValidationError({"products": [complaint]})
        return attrs

    def statement(self) -> Statement:
        """Return what was said, checked."""
        said = self.validated_data
        lists = {name: tuple(said[name]) for name in ("tags", "authors", "products")}
        return Statement(**{**said, **lists, "demand": Demand(said["demand"]) if said["demand"] else None})
