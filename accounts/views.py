"""Who am I, and where am I signed in: for the API and for people."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, cast

from django.contrib import messages
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponseBase
from django.middleware.csrf import get_token
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.generic import TemplateView
from django.views.i18n import LANGUAGE_QUERY_PARAMETER, set_language
from drf_spectacular.utils import extend_schema
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import clock, closing, identity, languages, sessions
from accounts.adapter import is_safe_target
from accounts.authentication import BrowserSessionAuthentication, IsReader
from accounts.models import User
from accounts.serializers import SessionSerializer


class SessionView(APIView):
    """Who is asking, told to whoever asks."""

    permission_classes = [AllowAny]

    @extend_schema(
        operation_id="session_retrieve",
        summary="Who am I",
        description="Also hands a new device its id, as a cookie and in the answer.",
        responses=SessionSerializer,
    )
    def get(self, request: Request) -> Response:
        """Answer with the reader, the device and a CSRF token where one is of use."""
        who = identity.of(request)
        by_header = who.site is not None or isinstance(request.auth, SessionBase)
        answer = {
            "reader": who.reader,
            "device": who.device_token,
            "csrf_token": None if by_header else get_token(request),
        }
        response = Response(SessionSerializer(answer).data)
        identity.remember(response, who)
        return response


class MeView(APIView):
    """The reader's own account."""

    permission_classes = [IsReader]

    @extend_schema(
        operation_id="me_destroy",
        summary="Close my account",
        description="Ends billing first, then erases, keeping what tax law keeps. Ends every session.",
        request=None,
        responses={HTTPStatus.NO_CONTENT: None},
    )
    def delete(self, request: Request) -> Response:
        """Close the account of whoever asks."""
        closing.close(cast(User, request.user), now=clock.now())
        if isinstance(request.successful_authenticator, BrowserSessionAuthentication):
            request._request.session.flush()  # noqa: SLF001  DRF has no public name
        return Response(status=HTTPStatus.NO_CONTENT)


class SessionsPage(LoginRequiredMixin, TemplateView):
    """The page where a reader sees where they are signed in, and ends what they do not know."""

    template_name = "account/sessions.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the places, the latest first."""
        places = sessions.of(cast(User, self.request.user), current=self.request.session, now=clock.now())
        return super().get_context_data(sessions=places, **kwargs)

    def post(self, request: HttpRequest) -> HttpResponseBase:
        """End the place named by `end`, or with `others` all but this one."""
        reader, named = cast(User, request.user), request.POST.get("end", "")
        everywhere = named == "others"
        ended = (
            sessions.end_others(reader, but=request.session) if everywhere else sessions.end(reader, [named])
        )
        if ended:
            messages.success(request, _("Signed out there."))
        return redirect("account_sessions")


def choose_language(request: HttpRequest) -> HttpResponseBase:
    """Switch to `language` and go back to `next` on this host; whoever is signed in gets mails in it from now on."""
    if request.method == "POST" and isinstance(request.user, User):
        languages.keep(request.user, request.POST.get(LANGUAGE_QUERY_PARAMETER, ""))
    response = set_language(request)
    if "Location" in response.headers and not is_safe_target(response["Location"]):
        response["Location"] = "/"
    return response
