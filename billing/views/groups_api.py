"""Groups and families by API: who sits in one's own, inviting, taking and giving up places."""

from __future__ import annotations

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import clock
from accounts.authentication import IsReader
from accounts.models import User
from billing import groups, rosters
from billing.group_serializers import GroupsSerializer, InvitationSerializer, InvitationTokenSerializer
from billing.views import asked

_REFUSED = OpenApiResponse(description="A problem: the group is full, or the place cannot be had so.")
_NOTHING = OpenApiResponse(description="A problem: there is no such group or place of this reader's.")


class GroupView(APIView):
    """The reader's groups."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="group_retrieve",
        summary="Groups owned, and groups read by",
        responses=GroupsSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with both."""
        return _state(asked.reader(request))


class InvitationsView(APIView):
    """Inviting."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="group_invite",
        summary="Invite an address",
        description="An address with a standing invitation gets a new one; the token of the old one is void.",
        request=InvitationSerializer,
        responses={201: GroupsSerializer, 409: _REFUSED},
    )
    def post(self, request: Request) -> Response:
        """Send an invitation and answer with the new state."""
        wish, owner = asked.body(InvitationSerializer, request), asked.reader(request)
        groups.invite(owner, wish["email"], subscription=wish["subscription"], now=clock.now())
        return _state(owner, status.HTTP_201_CREATED)


class PlaceView(APIView):
    """A place in one's own group."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="group_remove",
        summary="Take a place back",
        responses={200: GroupsSerializer, 409: _NOTHING},
    )
    def delete(self, request: Request, seat: str) -> Response:
        """Remove a member, or withdraw an invitation, and answer with the new state."""
        owner = asked.reader(request)
        groups.remove(owner, seat, now=clock.now())
        return _state(owner)


class MembershipsView(APIView):
    """Taking a place."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="group_join",
        summary="Accept an invitation",
        description="Once, by whoever has its token. The same reader's repeating it changes nothing.",
        request=InvitationTokenSerializer,
        responses={
            201: GroupsSerializer,
            404: OpenApiResponse(description="A problem: the invitation is not, or no longer, valid."),
            409: _REFUSED,
        },
    )
    def post(self, request: Request) -> Response:
        """Take the place and answer with the new state."""
        wish, reader = asked.body(InvitationTokenSerializer, request), asked.reader(request)
        groups.accept(reader, wish["token"], now=clock.now())
        return _state(reader, status.HTTP_201_CREATED)


class MembershipView(APIView):
    """A place in somebody's group."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="group_leave",
        summary="Leave a group",
        responses={200: GroupsSerializer, 409: _NOTHING},
    )
    def delete(self, request: Request, seat: str) -> Response:
        """Give the place up and answer with the new state."""
        reader = asked.reader(request)
        groups.leave(reader, seat, now=clock.now())
        return _state(reader)


def _state(reader: User, code: int = status.HTTP_200_OK) -> Response:
    now = clock.now()
    answer = {"groups": rosters.of(reader, now=now), "memberships": rosters.memberships(reader, now=now)}
    return Response(GroupsSerializer(answer).data, status=code)
