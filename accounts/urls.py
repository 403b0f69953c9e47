"""Addresses of this app: who am I, allauth's pages for people, allauth's API for apps and frontends."""

from __future__ import annotations

from django.urls import include, path
from django.views.generic import RedirectView

from accounts import codes, views

urlpatterns = [
    path("api/v1/session", views.SessionView.as_view(), name="session"),
    path("api/v1/me", views.MeView.as_view(), name="me"),
    path("i18n/setlang/", views.choose_language, name="set_language"),
    path("account/sessions/", views.SessionsPage.as_view(), name="account_sessions"),
    path("account/mfa/", include("allauth.mfa.urls")),
    # allauth's own, with tries that requests at the same moment cannot multiply.
    path("account/login/code/confirm/", codes.ConfirmLoginCode.as_view()),
    path("account/confirm-email/", codes.ConfirmEmail.as_view()),
    path("account/password/reset/confirm/", codes.ConfirmPasswordReset.as_view()),
    path("account/", include("allauth.account.urls")),
    path("_allauth/", include("accounts.headless_urls")),
    # Password managers look here for the page to send people to.
    path(".well-known/change-password", RedirectView.as_view(url="/account/password/change/")),
]
