"""Tokens, and the feed that voids them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.serializers import StrictSerializer
from paywall.serializers.fields import PlaceField


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
