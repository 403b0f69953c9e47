"""allauth's API where it needs bending: counted code mails, parallel sign-ups, our list of sessions."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

from allauth.account.internal import flows
from allauth.headless.account import inputs as account_inputs
from allauth.headless.account import views as account_views
from allauth.headless.base.response import AuthenticationResponse
from allauth.headless.base.views import AuthenticatedAPIView
from allauth.headless.internal.restkit import inputs
from allauth.headless.internal.restkit.response import APIResponse
from allauth.headless.spec.internal.schema import get_schema
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import View

from accounts import clock, sessions
from accounts.forms import AddEmailForm, CodeByMail, ParallelSignUp, RequestLoginCodeForm, ResetPasswordForm
from accounts.models import User


class _SignupInput(ParallelSignUp, CodeByMail, account_inputs.SignupInput):
    """An address; nothing else."""


class _RequestLoginCodeInput(RequestLoginCodeForm, inputs.Input):
    """The address to mail a code to."""


class _ResetPasswordInput(ResetPasswordForm, inputs.Input):
    """The address to mail a code to."""


class _AddEmailInput(AddEmailForm, inputs.Input):
    """The new address."""


class _SessionIdsInput(inputs.Input):
    """Which sessions to end."""

    sessions = inputs.Field(required=True)

    def clean_sessions(self) -> list[str]:
        """Return the ids; anything that is none of the reader's is simply not found."""
        ids = self.cleaned_data["sessions"]
        return [str(key) for key in ids] if isinstance(ids, list) else [str(ids)]


class SignupView(account_views.SignupView):
    """Sign up with an address."""

    input_class = {"POST": _SignupInput}


class RequestLoginCodeView(account_views.RequestLoginCodeView):
    """Ask for a code to sign in with."""

    input_class = _RequestLoginCodeInput


class RequestPasswordResetView(account_views.RequestPasswordResetView):
    """Ask for a code to set a password with."""

    input_class = _ResetPasswordInput


class ResetPasswordView(account_views.ResetPasswordView):
    """Set a new password with the mailed code."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Prove the address first: the first proof takes every older way in away, and this password is newer."""
        self.process.confirm_code()
        answer: HttpResponseBase = super().post(request, *args, **kwargs)
        return answer


class ManageEmailView(account_views.ManageEmailView):
    """The reader's address, and changing it."""

    input_class = {**account_views.ManageEmailView.input_class, "POST": _AddEmailInput}


class SessionsView(AuthenticatedAPIView):
    """Where the reader is signed in."""

    input_class = {"DELETE": _SessionIdsInput}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """List them."""
        return self._listed(request)

    def delete(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """End the named ones; ending the present one signs out."""
        here = {place.id for place in self._places(request) if place.is_current}
        ids = set(self.input.cleaned_data["sessions"])
        sessions.end(cast(User, request.user), ids - here)
        if ids & here:
            flows.logout.logout(request)
            signed_out: HttpResponseBase = AuthenticationResponse(request)
            return signed_out
        return self._listed(request)

    def _places(self, request: HttpRequest) -> list[sessions.SignedIn]:
        return sessions.of(cast(User, request.user), current=request.session, now=clock.now())

    def _listed(self, request: HttpRequest) -> HttpResponseBase:
        listed: HttpResponseBase = APIResponse(
            request, data=[_told(place) for place in self._places(request)]
        )
        return listed


class SpecificationView(View):
    """The OpenAPI document of the routes that are served here, and of no others."""

    def get(self, request: HttpRequest) -> HttpResponseBase:
        """Return it."""
        return HttpResponse(_specification(), content_type="application/vnd.oai.openapi+json")


# allauth reads 120 kB of YAML for it: a second of processor time, which no stranger should spend twice.
@cache
def _specification() -> str:
    spec = get_schema()
    session = spec["components"]["schemas"]["Session"]["properties"]
    session["id"] = {"type": "string", "description": "Good for ending this session, for nothing else."}
    return json.dumps(spec)


def _told(place: sessions.SignedIn) -> dict[str, Any]:
    return {
        "id": place.id,
        "user_agent": place.user_agent,
        "ip": place.ip,
        "created_at": place.signed_in_at.timestamp() if place.signed_in_at else None,
        "last_seen_at": place.last_seen_at.timestamp() if place.last_seen_at else None,
        "is_current": place.is_current,
    }
