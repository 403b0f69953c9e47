"""The shapes of the API about groups and families."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from accounts.serializers import StrictSerializer
from billing.rosters import PlaceState, Standing


class InvitationSerializer(StrictSerializer):
    """Whom to invite."""

    email = serializers.EmailField(max_length=254)
    subscription = serializers.CharField(
        max_length=40,
        required=False,
        default="",
        help_text="The `id` of the group; needed only by owners of more than one.",
    )


class InvitationTokenSerializer(StrictSerializer):
    """The key of an invitation."""

    token = serializers.CharField(max_length=200, help_text="The last part of the link in the mail.")


class PlaceSerializer(serializers.Serializer[Any]):
    """A place beside the owner's, and for whom: the address that was invited."""

    id = serializers.CharField()
    email = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(choices=[state.value for state in PlaceState])
    text = serializers.CharField(help_text="How it stands, for the owner to read.")


class RosterSerializer(serializers.Serializer[Any]):
    """A group, to its owner. The owner's own place is counted and not listed."""

    id = serializers.CharField(help_text="The `id` of its subscription.")
    plan_name = serializers.CharField()
    seats = serializers.IntegerField()
    taken = serializers.IntegerField(help_text="More than `seats` where the group has become smaller.")
    free = serializers.IntegerField()
    places = PlaceSerializer(many=True)


class MembershipSerializer(serializers.Serializer[Any]):
    """A group, to a member of it."""

    id = serializers.CharField()
    group = serializers.CharField(
        allow_blank=True, help_text="Its owner's address; empty if the account is closed."
    )
    product_names = serializers.ListField(child=serializers.CharField())
    standing = serializers.ChoiceField(choices=[standing.value for standing in Standing])
    text = serializers.CharField(help_text="How it stands, for the member to read; never about money.")


class GroupsSerializer(serializers.Serializer[Any]):
    """The groups that a reader owns, and those that they read by."""

    groups = RosterSerializer(many=True)
    memberships = MembershipSerializer(many=True)
