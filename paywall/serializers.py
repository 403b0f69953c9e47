"""The shapes of this app's API. No shape here but `ReadSerializer` has a body to hand out."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import StrictSerializer
from paywall.articles import Statement
from paywall.decision.article import Demand
from paywall.decision.reasons import Access, Reason, Remedy
from paywall.epochs import Place
from paywall.models import Article

BATCH_LIMIT = 100
_LARGEST_KEY = 2**63 - 1


class MomentField(serializers.DateTimeField):
    """A moment as RFC 3339 has it: one without an offset is refused, since it would be guessed at."""

    default_error_messages = {
        "make_aware": "Say which time zone: end it with Z or an offset such as +01:00.",
        "too_early": "A year before 1000 cannot be meant.",  # nor could it be given back in four digits
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        """Return the moment in UTC."""
        if timezone.is_naive(value):
            self.fail("make_aware")
        moment = super().enforce_timezone(value)
        if moment.year < 1000:
            self.fail("too_early")
        return moment


@extend_schema_field(str)
class CursorField(serializers.Field[tuple[datetime, str], str, str, Any]):
    """A place in a list of articles, opaque to the client."""

    default_error_messages = {"invalid": "This is not a cursor of ours."}

    def to_representation(self, value: tuple[datetime, str]) -> str:
        """Return the place as text."""
        published_at, article_id = value
        return base64.urlsafe_b64encode(f"{published_at.isoformat()}|{article_id}".encode()).decode()

    def to_internal_value(self, data: str) -> tuple[datetime, str]:
        """Return the place that an earlier answer named."""
        try:
            moment, _separator, article_id = base64.urlsafe_b64decode(data.encode()).decode().partition("|")
            published_at = datetime.fromisoformat(moment)
        except (ValueError, binascii.Error):
            self.fail("invalid")
        if timezone.is_naive(published_at) or "\x00" in article_id:
            self.fail("invalid")
        return published_at, article_id


@extend_schema_field(str)
class PlaceField(serializers.Field[Place, str, str, Any]):
    """A place in the feed of epochs, opaque to the client."""

    default_error_messages = {"invalid": "This is not a cursor of ours."}

    def to_representation(self, value: Place) -> str:
        """Return the place as text."""
        return base64.urlsafe_b64encode(f"{value.raised_at.isoformat()}|{value.reader}".encode()).decode()

    def to_internal_value(self, data: str) -> Place:
        """Return the place that an earlier answer named."""
        try:
            moment, _separator, reader = base64.urlsafe_b64decode(data.encode()).decode().partition("|")
            place = Place(datetime.fromisoformat(moment).astimezone(UTC), int(reader))
        except (ValueError, OverflowError, binascii.Error):
            self.fail("invalid")
        if timezone.is_naive(datetime.fromisoformat(moment)) or not 0 <= place.reader <= _LARGEST_KEY:
            self.fail("invalid")
        return place


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


class ReadSerializer(DecisionSerializer):
    """A decision, and of the text what it allows: the body when access is full, else at most the teaser."""

    body = serializers.CharField(required=False)
    teaser = serializers.CharField(required=False, allow_null=True)


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


class BatchSerializer(StrictSerializer):
    """Which articles to decide about."""

    articles = serializers.ListField(child=serializers.CharField(max_length=120), max_length=BATCH_LIMIT)


class BatchAnswerSerializer(serializers.Serializer[Any]):
    """Decisions in the order asked, each article once; ids that nobody stated stand apart."""

    decisions = DecisionSerializer(many=True)
    unknown = serializers.ListField(child=serializers.CharField())


class ExplainQuerySerializer(serializers.Serializer[Any]):
    """For which moment, and by what we knew when; both are the present where left out."""

    at = MomentField(required=False)
    known_at = MomentField(required=False)
    network = serializers.IPAddressField(
        required=False, help_text="The network address from which somebody comes; none where left out."
    )
    agent = serializers.CharField(
        required=False, max_length=500, help_text="What the client calls itself: who claims to be a crawler?"
    )


class ExplainedStepSerializer(serializers.Serializer[Any]):
    """One step of the policy."""

    step = serializers.CharField()
    purpose = serializers.CharField()
    was_asked = serializers.BooleanField()
    reason = serializers.ChoiceField(choices=[reason.value for reason in Reason], allow_null=True)


class ExplainedFactSerializer(serializers.Serializer[Any]):
    """Something the decision rests on."""

    name = serializers.CharField()
    value = serializers.CharField()
    origin = serializers.CharField()


class ExplanationSerializer(serializers.Serializer[Any]):
    """A decision with every step and fact behind it."""

    at = serializers.DateTimeField()
    known_at = serializers.DateTimeField()
    decision = DecisionSerializer()
    steps = ExplainedStepSerializer(many=True)
    facts = ExplainedFactSerializer(many=True)
    caveats = serializers.ListField(child=serializers.CharField())


class TokenRequestSerializer(StrictSerializer):
    """For which site a token is to be."""

    site = serializers.CharField(
        max_length=200,
        required=False,
        help_text="An origin such as `https://news.example`: one of `CORS_ALLOWED_ORIGINS`, or this service's own. "
        "A browser may leave it out: the site that it is on is meant.",
    )


class TokenSerializer(serializers.Serializer[Any]):
    """A token for whoever decides without asking here."""

    token = serializers.CharField(help_text="A JWT, ES256, of the type `access-pass+jwt`.")
    expires_at = serializers.DateTimeField(
        help_text="Ten minutes from now at the latest; never later than the first of the rights in it ends."
    )


class FeedQuerySerializer(serializers.Serializer[Any]):
    """Whose feed, and from where on."""

    site = serializers.CharField(max_length=200, help_text="The origin that the edge serves.")
    since = PlaceField(required=False, help_text="`next` of the answer before; leave it out to begin.")


class RaisedSerializer(serializers.Serializer[Any]):
    """The lowest epoch that counts for a subject."""

    sub = serializers.CharField()
    epoch = serializers.IntegerField()


class FeedSerializer(serializers.Serializer[Any]):
    """What an edge has to know of the last minutes to refuse what was withdrawn."""

    epochs = RaisedSerializer(many=True, help_text="A token of this `sub` with a lower `epoch` is void.")
    keys = serializers.ListField(
        child=serializers.CharField(),
        help_text="The ids of all keys that count; a token of any other is void.",
    )
    next = PlaceField(help_text="Ask for `?since=` this, a few seconds later.")
    more = serializers.BooleanField(help_text="Whether to ask at once.")


class GiftSerializer(serializers.Serializer[Any]):
    """A gift as its giver sees it."""

    id = serializers.CharField(source="gift.key")
    article = serializers.CharField(source="gift.article")
    url = serializers.URLField(
        allow_null=True,
        help_text="What to send on: the article's address with the gift's code. Null where the article is gone.",
    )
    made_at = serializers.DateTimeField(source="gift.made_at")
    expires_at = serializers.DateTimeField(source="gift.expires_at")
    openings_left = serializers.IntegerField(help_text="How many more devices or readers may accept it.")


class MadeGiftSerializer(GiftSerializer):
    """A gift just made, or made before and still to be accepted."""

    gifts_left = serializers.IntegerField(help_text="How many more gifts can be made this month.")


class GiftsSerializer(serializers.Serializer[Any]):
    """The gifts of a reader that still open something, newest first."""

    gifts = GiftSerializer(many=True)
    gifts_left = serializers.IntegerField(help_text="How many more gifts can be made this month.")
    resets_at = serializers.DateTimeField(help_text="When a new month begins.")
