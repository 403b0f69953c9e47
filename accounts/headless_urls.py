"""The part of allauth's API that is served: every route is named here, so an upgrade never opens another door.

Left out on purpose: telephone numbers (unused), social providers (none set up), signing up by passkey.
"""

from __future__ import annotations

from allauth.headless.account import views as account
from allauth.headless.base import views as base
from allauth.headless.constants import Client
from allauth.headless.mfa import views as mfa
from django.urls import URLPattern, include, path

from accounts import headless

app_name = "headless"

_ROUTES = {
    "config": base.ConfigView,
    "auth/session": account.SessionView,
    "auth/signup": headless.SignupView,
    "auth/login": account.LoginView,
    "auth/code/request": headless.RequestLoginCodeView,
    "auth/code/confirm": headless.ConfirmLoginCodeView,
    "auth/code/resend": account.ResendLoginCodeView,
    "auth/email/verify": headless.VerifyEmailView,
    "auth/email/verify/resend": account.ResendEmailVerificationCodeView,
    "auth/password/request": headless.RequestPasswordResetView,
    "auth/password/reset": headless.ResetPasswordView,
    "auth/reauthenticate": account.ReauthenticateView,
    "auth/2fa/authenticate": mfa.AuthenticateView,
    "auth/2fa/reauthenticate": mfa.ReauthenticateView,
    "auth/webauthn/login": mfa.LoginWebAuthnView,
    "auth/webauthn/authenticate": mfa.AuthenticateWebAuthnView,
    "auth/webauthn/reauthenticate": mfa.ReauthenticateWebAuthnView,
    "auth/sessions": headless.SessionsView,
    "account/email": headless.ManageEmailView,
    "account/password/change": account.ChangePasswordView,
    "account/authenticators": mfa.AuthenticatorsView,
    "account/authenticators/totp": mfa.ManageTOTPView,
    "account/authenticators/recovery-codes": mfa.ManageRecoveryCodesView,
    "account/authenticators/webauthn": headless.ManagePasskeysView,
}


def _routes(client: Client) -> list[URLPattern]:
    return [
        path(f"v1/{route}", view.as_api_view(client=client), name=route.replace("/", "-"))
        for route, view in _ROUTES.items()
    ]


urlpatterns = [
    path("browser/", include((_routes(Client.BROWSER), "headless"), namespace="browser")),
    path("app/", include((_routes(Client.APP), "headless"), namespace="app")),
    path("openapi.json", headless.SpecificationView.as_view(), name="openapi_json"),
    # allauth learns from this name where its API is mounted.
    path("openapi.yaml", headless.SpecificationView.as_view(), name="openapi_yaml"),
]
