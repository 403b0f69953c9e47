"""What a request to the API says: who asks, and for what."""

from __future__ import annotations

from typing import Any, cast

from rest_framework.request import Request
from rest_framework.serializers import Serializer

from accounts.models import User


def reader(request: Request) -> User:
    """Return who asks, of a call that answers to nobody else."""
    return cast("User", request.user)


def body(shape: type[Serializer[Any]], request: Request) -> dict[str, Any]:
    """Return what is wished, in its shape.

    :raises ValidationError: it has another one.
    """
    serializer = shape(data=request.data)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)
