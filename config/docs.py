"""The way in for a site's developer: the API's own page, and where the bare address leads."""

from __future__ import annotations

from csp.decorators import csp_replace
from django.http import HttpRequest, HttpResponseRedirect
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_safe
from drf_spectacular.views import SpectacularSwaggerView

from accounts import schema as _credentials  # noqa: F401  names our kinds of credentials in the document


# Swagger's page starts itself with an inline script and styles itself inline; nothing personal is on it.
@method_decorator(require_safe, name="dispatch")
@method_decorator(
    csp_replace({"script-src": ["'self'", "'unsafe-inline'"], "style-src": ["'self'", "'unsafe-inline'"]}),
    name="dispatch",
)
class SwaggerPage(SpectacularSwaggerView):
    """The OpenAPI document as a page, from files of our own."""


def home(request: HttpRequest) -> HttpResponseRedirect:
    """Lead the bare address to the reader's account."""
    return HttpResponseRedirect(reverse("billing:subscription"))
