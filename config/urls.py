"""Every address of this service."""

from __future__ import annotations

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView

from config import docs, health

handler404 = "config.problems.not_found"
handler500 = "config.problems.server_error"

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", health.live, name="health-live"),
    path("health/ready", health.ready, name="health-ready"),
    path("admin/", admin.site.urls),
    path("api/v1/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/docs/", docs.SwaggerPage.as_view(url_name="schema"), name="docs"),
    path("", include("accounts.urls")),
    path("", include("paywall.urls")),
    path("", include("billing.urls")),
    path("", docs.home, name="home"),
]

admin.site.site_header = settings.SITE_NAME
admin.site.site_title = settings.SITE_NAME
