"""What a site's support desk is told of a decision: why, for whom else, since when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.validators import MaxValueValidator
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from paywall import explanation
from paywall.decision.reasons import Access, Reason
from paywall.serializers.decisions import DecisionSerializer
from paywall.serializers.fields import MomentField
from paywall.timeline import Span

_NOT_AT_THE_END_OF_TIME = MaxValueValidator(explanation.LATEST)
_USUAL_SPAN = timedelta(days=90)
_LONGEST_SPAN = timedelta(days=366)


class ExplainQuerySerializer(serializers.Serializer[Any]):
    """For which moment, and by what we knew when; both are the present where left out."""

    at = MomentField(required=False, validators=[_NOT_AT_THE_END_OF_TIME])
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


class PerspectiveSerializer(serializers.Serializer[Any]):
    """A kind of reader, and the decision for them."""

    name = serializers.CharField(help_text="For people to read, in the language of the request.")
    decision = DecisionSerializer()


class PerspectivesSerializer(serializers.Serializer[Any]):
    """An article as everybody sees it."""

    at = serializers.DateTimeField()
    perspectives = PerspectiveSerializer(many=True)


class TimelineQuerySerializer(serializers.Serializer[Any]):
    """From when to when; the context says what time it is `now`."""

    since = MomentField(required=False, help_text="90 days before `until` where left out.")
    until = MomentField(
        required=False,
        validators=[_NOT_AT_THE_END_OF_TIME],
        help_text="The present where left out. At most 366 days after `since`.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Fill in what was left out; refuse what is no span of time, or more of it than anybody looks through."""
        until = attrs.get("until", self.context["now"])
        since = attrs.get("since", until - _USUAL_SPAN)
        if since >= until:
            raise serializers.ValidationError({"since": [_("It must be earlier than `until`.")]})
        if since < explanation.EARLIEST:
            raise serializers.ValidationError({"since": [_("Nothing is known from before 1970.")]})
        if until - since > _LONGEST_SPAN:
            complaint = _("Ask for at most %(days)d days at once.") % {"days": _LONGEST_SPAN.days}
            raise serializers.ValidationError({"since": [complaint]})
        return {"since": since, "until": until}


class SpanSerializer(serializers.Serializer[Any]):
    """A time in which the decision was the same."""

    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Null where it still was so at `until`.")
    access = serializers.ChoiceField(choices=[access.value for access in Access], source="reason.access")
    reason = serializers.ChoiceField(choices=[reason.value for reason in Reason])
    source = serializers.SerializerMethodField(  # type: ignore[assignment]  # no attribute: DRF takes fields out
        help_text="Who gave the right behind it, as `subscription:sub_…`; null where there is none."
    )

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_source(self, span: Span) -> str | None:
        """Return who gave the right."""
        return span.source or None


class TimelineSerializer(serializers.Serializer[Any]):
    """One reader's access to one article over time."""

    article = serializers.CharField()
    reader = serializers.CharField(help_text="Their public id.")
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    spans = SpanSerializer(
        many=True,
        help_text="Oldest first, without a gap. The first begins later than `since` where there are very many.",
    )
