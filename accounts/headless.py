"""allauth's API where it needs bending: counted code mails and tries, parallel sign-ups, our list of sessions."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, cast

from allauth.account.adapter import get_adapter
from allauth.account.internal import flows
from allauth.headless.account import inputs as account_inputs
from allauth.headless.account import views as account_views
from allauth.headless.account.response import PasswordResetKeyResponse
from allauth.headless.base.response import AuthenticationResponse
from allauth.headless.base.views import AuthenticatedAPIView
from allauth.headless.internal.restkit import inputs
from allauth.headless.internal.restkit.response import APIResponse, ErrorResponse
from allauth.headless.mfa import inputs as mfa_inputs
from allauth.headless.mfa import views as mfa_views
from allauth.headless.spec.internal.schema import get_schema
from allauth.mfa.models import Authenticator
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.views import View

from accounts import clock, limits, sessions
from accounts.forms import AddEmailForm, CodeByMail, ParallelSignUp, RequestLoginCodeForm, ResetPasswordForm
from accounts.models import User


class _SignupInput(ParallelSignUp, CodeByMail, account_inputs.SignupInput):
    """An address; nothing else."""


class _RequestLoginCodeInput(RequestLoginCodeForm, inputs.Input):
    """The address to mail a code to."""


class _ResetPasswordInput(ResetPasswordForm, inputs.Input):
    """The address to mail a code to."""


class _NewPasswordInput(account_inputs.ResetPasswordInput):
    """The mailed code and a new password."""

    def clean(self) -> dict[str, Any]:
        """Judge the password only for who has the code: what is wrong with it tells whether we know the address."""
        cleaned: dict[str, Any] = self.cleaned_data if "key" in self.errors else super().clean()
        return cleaned


class _AddEmailInput(AddEmailForm, inputs.Input):
    """The new address."""


class _SessionIdsInput(inputs.Input):
    """Which sessions to end."""

    sessions = inputs.Field(required=True)

    def clean_sessions(self) -> list[str]:
        """Return the ids; anything that is none of the reader's is simply not found."""
        ids = self.cleaned_data["sessions"]
        return [str(key) for key in ids] if isinstance(ids, list) else [str(ids)]


class _PasskeysField(inputs.ModelMultipleChoiceField):
    """Which passkeys; a number that is too large for an id names none."""

    def clean(self, value: Any) -> Any:
        """Return them.

        :raises ValidationError: one is not the reader's.
        """
        try:
            return super().clean(value)
        except OverflowError as error:  # SQLite's, before it looks
            raise ValidationError(self.error_messages["required"], code="required") from error


class _DeletePasskeysInput(mfa_inputs.DeleteWebAuthnInput):
    """Which passkeys to remove."""

    authenticators = _PasskeysField(queryset=Authenticator.objects.none())


class SignupView(account_views.SignupView):
    """Sign up with an address."""

    input_class = {"POST": _SignupInput}


class RequestLoginCodeView(account_views.RequestLoginCodeView):
    """Ask for a code to sign in with."""

    input_class = _RequestLoginCodeInput


class RequestPasswordResetView(account_views.RequestPasswordResetView):
    """Ask for a code to set a password with."""

    input_class = _ResetPasswordInput


class _TriesCode:
    """A view that compares a typed code: tries are counted before, and a right code is taken once."""

    request: HttpRequest
    process: Any
    input: Any

    def get_input_kwargs(self) -> dict[str, Any]:
        """Count the try."""
        limits.spend_try(self.request, process=self.process)
        kwargs: dict[str, Any] = super().get_input_kwargs()  # type: ignore[misc]  # a mixin
        return kwargs

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Go on with a right code, unless a request at the same moment took it."""
        if not limits.may_use_code(request, process=self.process):
            field = next(name for name in ("code", "key") if name in self.input.fields)
            self.input.add_error(field, get_adapter().validation_error("incorrect_code"))
            # Not counted as a try: the session belongs to the request that was faster.
            refused: HttpResponseBase = ErrorResponse(request, input=self.input)
            return refused
        self.take_code()
        answer: HttpResponseBase = super().post(request, *args, **kwargs)  # type: ignore[misc]  # likewise
        return answer

    def take_code(self) -> None:
        """Do what comes before everything that follows from a right code."""


class ConfirmLoginCodeView(_TriesCode, account_views.ConfirmLoginCodeView):
    """Sign in with the mailed code."""


class VerifyEmailView(_TriesCode, account_views.VerifyEmailView):
    """Prove an address with the mailed code."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Say whether a code is right; asking is a try."""
        limits.spend_try(request, process=self.process)
        answer: HttpResponseBase = super().get(request, *args, **kwargs)
        return answer


class ResetPasswordView(_TriesCode, account_views.ResetPasswordView):
    """Set a new password with the mailed code."""

    input_class = _NewPasswordInput

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Say whether a code is right, whoever it was asked for; asking is a try."""
        limits.spend_try(request, process=self.process)
        key = request.headers.get("X-Password-Reset-Key", "")
        given = account_inputs.ResetPasswordKeyInput({"key": key}, code=self.process.code)
        answer: HttpResponseBase
        if given.is_valid():
            self.process.confirm_code()
            answer = PasswordResetKeyResponse(request, self.process.user)
        else:
            answer = self.handle_invalid_input(given)
        return answer

    def handle_invalid_input(self, input: Any) -> ErrorResponse:  # noqa: A002  allauth's name
        """Remember that the code was right, so that a weak password costs no try."""
        if "key" not in input.errors:
            self.process.confirm_code()
        return super().handle_invalid_input(input)

    def take_code(self) -> None:
        """Prove the address first: the first proof takes every older way in away, and this password is newer."""
        self.process.confirm_code()


class ManageEmailView(account_views.ManageEmailView):
    """The reader's address, and changing it."""

    input_class = {**account_views.ManageEmailView.input_class, "POST": _AddEmailInput}


class ManagePasskeysView(mfa_views.ManageWebAuthnView):
    """The reader's passkeys."""

    input_class = {**mfa_views.ManageWebAuthnView.input_class, "DELETE": _DeletePasskeysInput}


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
