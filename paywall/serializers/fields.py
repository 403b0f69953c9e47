"""Fields that know more than a type: moments with their zone, places in a list."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from paywall.epochs import Place

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
