"""What every page may show about the site."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:  # noqa: ARG001
    """Give templates the site's name and whether this is the demo."""
    return {"site_name": settings.SITE_NAME, "demo": settings.DEBUG}
