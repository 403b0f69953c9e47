"""Credentials of API calls: a session token, a site key, or the browser's session; one kind per call.

A credential that is given and not valid is 401 and never silently anonymous.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import clock, sessions
from accounts.errors import ConflictingCredentials
from accounts.identity import SiteKey
from accounts.models import User

if TYPE_CHECKING:
    # REST framework loads this module while that one is still loading.
    from rest_framework.views import APIView

_CHALLENGE = 'Bearer realm="paywall"'


class _OneKind(BaseAuthentication):
    """Refuse a call with credentials of two kinds, whichever class looks first."""

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return _CHALLENGE

    def given(self, request: Request) -> dict[str, str]:
        """Return the call's one credential as `{kind: value}`, or nothing.

        :raises ConflictingCredentials: there are two.
        :raises AuthenticationFailed: the Authorization header is of a kind that we do not know.
        """
        credentials = {
            "token": request.META.get("HTTP_X_SESSION_TOKEN", "").strip(),
            "browser": request.COOKIES.get(settings.SESSION_COOKIE_NAME, ""),
        }
        authorization = request.META.get("HTTP_AUTHORIZATION", "").strip()
        if authorization:
            scheme, _, value = authorization.partition(" ")
            kind = {"bearer": "bearer", "api-key": "site"}.get(scheme.lower())
            if kind is None or not value.strip():
                raise AuthenticationFailed("This kind of Authorization is not known here.")
            credentials[kind] = value.strip()
        given = {kind: value for kind, value in credentials.items() if value}
        if len(given) > 1:
            raise ConflictingCredentials("Send one kind of credential: a token, a site key or the cookie.")
        return given


class SessionTokenAuthentication(_OneKind):
    """The token of an app or of a site backend acting for a reader: `X-Session-Token` or `Authorization: Bearer`."""

    def authenticate(self, request: Request) -> tuple[User, SessionBase] | None:
        """Return the reader and the session that the token opens; None where no token was given.

        :raises AuthenticationFailed: the token opens no session, or nobody is signed in to it.
        """
        given = self.given(request)
        token = given.get("token") or given.get("bearer")
        if token is None:
            return None
        session = sessions.by_token(token)
        reader = None if session is None else sessions.reader_of(session)
        if session is None or reader is None:
            raise AuthenticationFailed("This session token is not valid, or no longer.")
        if sessions.touch(session, now=clock.now()):
            session.save()
        return reader, session


class SiteKeyAuthentication(_OneKind):
    """The key of a site backend acting for itself: `Authorization: Api-Key <key>`."""

    def authenticate(self, request: Request) -> tuple[AnonymousUser, SiteKey] | None:
        """Return nobody and the site whose key was given; None where none was.

        :raises AuthenticationFailed: no site has this key.
        """
        key = self.given(request).get("site")
        if key is None:
            return None
        given = _digest(key)
        # Every key is compared, so that the time taken says nothing about which came close.
        matches = [
            name for name, known in settings.SITE_KEY_DIGESTS.items() if hmac.compare_digest(known, given)
        ]
        if not matches:
            raise AuthenticationFailed("This site key is not valid.")
        return AnonymousUser(), SiteKey(matches[0])


class BrowserSessionAuthentication(SessionAuthentication, _OneKind):
    """The browser's session cookie; unsafe methods need the CSRF token."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """Return the signed-in reader, or None for a browser that nobody is signed in to."""
        self.given(request)
        found = super().authenticate(request)
        if found is not None:
            sessions.touch(request._request.session, now=clock.now())  # noqa: SLF001  DRF has no public name
        return found

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return _CHALLENGE


class IsReader(BasePermission):
    """Let readers in, by cookie or token."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether a reader is asking."""
        return isinstance(request.user, User)


class IsSite(BasePermission):
    """Let site backends in, by key."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        """Whether a site is asking for itself."""
        return isinstance(request.auth, SiteKey)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
