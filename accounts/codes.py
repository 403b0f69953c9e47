"""The pages where a mailed code is typed: a few tries for each code, and one use, however many come at once."""

from __future__ import annotations

from typing import Any

from allauth.account import views as allauth_views
from allauth.account.adapter import get_adapter
from django.http import HttpRequest, HttpResponse

from accounts import limits


class _TriesCode:
    """A form with a code: tries are counted before it is compared, and a right one is taken once."""

    request: HttpRequest
    _process: Any

    def get_form_kwargs(self) -> dict[str, Any]:
        """Count the try, unless another code was asked for."""
        kwargs: dict[str, Any] = super().get_form_kwargs()  # type: ignore[misc]  # a mixin
        if "code" in kwargs and "data" in kwargs:
            limits.spend_try(self.request, process=self._process)
            kwargs["code"] = self._process.code
        return kwargs

    def form_valid(self, form: Any) -> HttpResponse:
        """Go on with a right code, unless a request at the same moment took it."""
        if "code" in form.fields and not limits.may_use_code(self.request, process=self._process):
            form.add_error("code", get_adapter().validation_error("incorrect_code"))
            # Not counted as a try: the session belongs to the request that was faster.
            return self.render_to_response(self.get_context_data(form=form))  # type: ignore[attr-defined,no-any-return]
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]  # likewise
        return answer


class ConfirmLoginCode(_TriesCode, allauth_views.ConfirmLoginCodeView):
    """Sign in with the mailed code."""


class ConfirmEmail(_TriesCode, allauth_views.ConfirmEmailVerificationCodeView):
    """Prove an address with the mailed code."""


class ConfirmPasswordReset(_TriesCode, allauth_views.ConfirmPasswordResetCodeView):
    """Show that the mailed code is at hand, before a new password is asked for."""
