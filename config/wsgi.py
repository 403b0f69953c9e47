"""The WSGI application, served by granian: `granian --interface wsgi config.wsgi:application`."""

from __future__ import annotations

import os
from collections.abc import Iterable
from io import BytesIO
from typing import TYPE_CHECKING

from django.core.wsgi import get_wsgi_application

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

_django = get_wsgi_application()

from paywall.express.lane import ExpressLane  # noqa: E402  only now is Django set up

# More than any limit of ours, so that what is cut off here is refused as too large further in.
_LONGEST_BODY = 1024 * 1024 + 1


def measured(application: WSGIApplication) -> WSGIApplication:
    """Give a body that comes in chunks its length, without which Django takes it for empty."""

    def measure(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING") and not environ.get("CONTENT_LENGTH"):
            body = environ["wsgi.input"].read(_LONGEST_BODY)
            environ["wsgi.input"] = BytesIO(body)
            environ["CONTENT_LENGTH"] = str(len(body))
        return application(environ, start_response)

    return measure


application = measured(ExpressLane(_django))
