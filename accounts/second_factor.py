"""When a second factor is asked for: when the reader has set up an authenticator app, on purpose.

A passkey alone is a quicker way in, not a second lock: whoever has added one on the phone can still sign in by code
on a borrowed computer.
"""

from __future__ import annotations

from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.mfa.stages import AuthenticateStage
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.http import HttpRequest


class SecondFactorStage(AuthenticateStage):
    """The step of signing in that asks for the second factor."""

    def _should_handle(self, request: HttpRequest) -> bool:
        user = self.login.user
        if user is None or not is_mfa_enabled(user, [Authenticator.Type.TOTP]):
            return False
        return bool(super()._should_handle(request))


class SecondFactorAdapter(DefaultMFAAdapter):
    """Passkeys and authenticator apps under the name of the site, whatever host a request was sent to."""

    def _get_site_name(self) -> str:
        return str(settings.SITE_NAME)
