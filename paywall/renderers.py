"""Answers that a site may write into its pages as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import JSONRenderer

# Outside of texts JSON has none of these; within, the escape means the same.
_UNSAFE = {b"<": b"\\u003c", b">": b"\\u003e", b"&": b"\\u0026"}


class EmbeddableJsonRenderer(JSONRenderer):
    """JSON that no text can end a script element with; what ends a line to JavaScript is escaped by the base."""

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        """Return the document."""
        document: bytes = super().render(data, accepted_media_type, renderer_context)
        for letter, escape in _UNSAFE.items():
            document = document.replace(letter, escape)
        return document


class LinkedDataRenderer(EmbeddableJsonRenderer):
    """The same as `application/ld+json`."""

    media_type = "application/ld+json"
    format = "jsonld"
