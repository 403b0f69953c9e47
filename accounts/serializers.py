"""The shapes of this app's API, and the strictness that every body of the project shares."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _
from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """A body that names a field we do not take is refused, so a typing error never passes as consent.

    So is a value of another type than the document says: a number is no text, and text is no number.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Check as usual, after refusing unknown fields and values of another type."""
        if isinstance(data, dict):
            taken = {name: field for name, field in self.fields.items() if not field.read_only}
            wrong = {str(name): [_("Unknown field.")] for name in sorted(data, key=str) if name not in taken}
            wrong |= {
                name: [_("This is of the wrong type.")]
                for name, field in taken.items()
                if name in data and not _is_of_type(field, data[name])
            }
            if wrong:
                raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)


def _is_of_type(field: serializers.Field[Any, Any, Any, Any], value: Any) -> bool:
    """Tell whether JSON of this type may be meant; whether null is allowed is the field's own business."""
    match field:
        case _ if value is None:
            return True
        case serializers.ListField():
            return not isinstance(value, list) or all(_is_of_type(field.child, each) for each in value)
        case serializers.CharField() | serializers.DateTimeField() | serializers.ChoiceField():
            return isinstance(value, str)
        case serializers.IntegerField():
            return isinstance(value, int | float) and not isinstance(value, bool)
    return True


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
