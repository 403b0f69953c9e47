"""The shapes of this app's API, and the strictness that every body of the project shares."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """A body that names a field we do not take is refused, so a typing error never passes as consent."""

    def to_internal_value(self, data: Any) -> Any:
        """Check as usual, after refusing unknown fields."""
        if isinstance(data, dict):
            taken = {name for name, field in self.fields.items() if not field.read_only}
            unknown = sorted(str(name) for name in data if name not in taken)
            if unknown:
                raise serializers.ValidationError({name: [_("Unknown field.")] for name in unknown})
        return super().to_internal_value(data)


class ReaderSerializer(serializers.Serializer[Any]):
    """A reader, as told to the reader."""

    id = serializers.CharField(source="public_id", help_text="Opaque and stable; the same for every site.")
    email = serializers.EmailField()
    email_verified = serializers.BooleanField(source="email_is_proven")


class SessionSerializer(serializers.Serializer[Any]):
    """Who is asking."""

    reader = ReaderSerializer(allow_null=True)
    device = serializers.CharField(
        allow_null=True, help_text="Send it back as X-Device-Id where cookies do not go."
    )
    csrf_token = serializers.CharField(
        allow_null=True, help_text="For X-CSRFToken on unsafe calls with the session cookie."
    )
