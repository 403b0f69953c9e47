"""What all views of the access API have in common: they are about a person, and a site may name one."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter
from rest_framework.permissions import AllowAny, BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import identity
from accounts.identity import Identity

_VARY = "Cookie, Authorization, X-Session-Token, X-Device-Id, Origin, Accept-Language"
READER = OpenApiParameter("reader", str, description="A reader's public id; for site keys only.")
_NETWORK = OpenApiParameter(
    identity.READER_ADDRESS_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="The network address from which the reader comes; for site keys only, which lend nobody their own.",
)
_AGENT = OpenApiParameter(
    identity.READER_AGENT_HEADER,
    str,
    OpenApiParameter.HEADER,
    description="What the reader's client calls itself (User-Agent); for site keys only.",
)
ON_BEHALF = [READER, _NETWORK, _AGENT]


class PersonalView(APIView):
    """A view whose answers, errors included, are about a person: kept by no cache, keyed by all that names one."""

    permission_classes: list[type[BasePermission]] = [AllowAny]
    who = Identity(reader=None)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Learn who is asking."""
        super().initial(request, *args, **kwargs)
        self.who = identity.of(request)

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Mark the answer as private; hand a new device its cookie."""
        final = super().finalize_response(request, response, *args, **kwargs)
        final.headers["Cache-Control"] = "private, no-store"
        final.headers["Vary"] = _VARY
        identity.remember(final, self.who)
        return final
