"""What most calls of the API answer with: how things stand then."""

from __future__ import annotations

from rest_framework.response import Response

from accounts import clock
from accounts.models import User
from billing import holdings, outlook
from billing.serializers import SubscriptionStateSerializer


def state(reader: User) -> Response:
    """Answer with all that a reader holds, and what happens next."""
    now = clock.now()
    states = outlook.every(reader, now=now)
    answer = {
        "holdings": holdings.of(reader, now=now),
        "subscription": next(iter(states), None),
        "subscriptions": [state for state in states if state.is_open],
    }
    return Response(SubscriptionStateSerializer(answer).data)
