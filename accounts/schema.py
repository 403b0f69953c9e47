"""Our kinds of credentials and the strictness of our bodies, as the OpenAPI document tells them."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension, OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction
from rest_framework import serializers


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


class StrictBody(OpenApiSerializerExtension):  # type: ignore[no-untyped-call]  # registers itself, untyped
    """A body that takes the named fields only, and no empty text where something has to be said."""

    target_class = "accounts.serializers.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Any:
        """Say so beside what the generator finds out by itself."""
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)  # type: ignore[no-untyped-call]  # noqa: SLF001  as its manual says
        for name, field in self.target.fields.items():
            said, is_list = schema["properties"][name], isinstance(field, serializers.ListField)
            text, about = (field.child, said["items"]) if is_list else (field, said)
            if isinstance(text, serializers.CharField) and not text.allow_blank:
                about["minLength"] = 1
        return {**schema, "additionalProperties": False}
