"""Gifts, as whoever made them sees them."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers


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
