"""The floor: what Django and granian take for an answer that asks nothing of anybody. No middleware."""

from __future__ import annotations

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a server that keeps no secret",
)


def floor(request: HttpRequest) -> JsonResponse:
    """Answer as shortly as a decision could be put."""
    return JsonResponse({"access": "full", "reason": "entitled"})


urlpatterns = [path("", floor)]
application = get_wsgi_application()
