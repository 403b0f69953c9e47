"""What every page may show about the site."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest


def site(request: HttpRequest) -> dict[str, object]:
    """Give templates the site's name, the newspaper it belongs to, and in the demo where its mail ends up."""
    newspaper = next(iter(settings.CORS_ALLOWED_ORIGINS), "")
    return {
        "site_name": settings.SITE_NAME,
        "site_home_url": f"{newspaper}/" if newspaper else "",
        "demo": settings.DEBUG,
        "outbox_url": f"{newspaper}/mail/" if settings.DEBUG and newspaper else "",
    }
