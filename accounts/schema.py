"""The three kinds of credentials, as the OpenAPI document names them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema


class SessionTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """A session token, in either header."""

    target_class = "accounts.authentication.SessionTokenAuthentication"
    name = ["sessionToken", "bearerToken"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> Any:
        """Either header will do."""
        return [{name: []} for name in self.name]

    def get_security_definition(self, auto_schema: AutoSchema) -> Any:
        """Describe both headers."""
        return [
            {"type": "apiKey", "in": "header", "name": "X-Session-Token"},
            {"type": "http", "scheme": "bearer"},
        ]


class SiteKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """The key of a site backend."""

    target_class = "accounts.authentication.SiteKeyAuthentication"
    name = "siteKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> Any:
        """Describe the header."""
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "`Api-Key <key>`, one of `SITE_API_KEYS`.",
        }


class BrowserSessionScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """The browser's cookie."""

    target_class = "accounts.authentication.BrowserSessionAuthentication"
    name = "browserSession"

    def get_security_definition(self, auto_schema: AutoSchema) -> Any:
        """Describe the cookie."""
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": settings.SESSION_COOKIE_NAME,
            "description": "Unsafe methods also need `X-CSRFToken`.",
        }
