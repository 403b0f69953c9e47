"""Where Stripe tells us: verify, keep, answer. Nothing else happens in this request."""

from __future__ import annotations

import logging
from http import HTTPStatus

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts import clock
from billing import gateway, inbox
from billing.errors import WebhookRefused

logger = logging.getLogger(__name__)


@csrf_exempt
@require_POST
def webhook(request: HttpRequest) -> HttpResponse:
    """Answer 200 once the event is kept, also when it was before.

    400: not signed by Stripe, or not an event. 413: too large. 503: no secret is configured, so nobody can be told
    from Stripe; nothing is stored. Whatever is sent, never a server error.
    """
    if not settings.STRIPE_WEBHOOK_SECRETS:
        logger.error("A webhook was refused: STRIPE_WEBHOOK_SECRETS is not set.")
        return HttpResponse(status=HTTPStatus.SERVICE_UNAVAILABLE)
    try:
        body = _body(request)
        signature = request.headers.get("Stripe-Signature", "")
        delivery = gateway.default().verify(body=body, signature=signature)
    except RequestDataTooBig:
        return HttpResponse(status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    except UnreadablePostError:
        return HttpResponse(status=HTTPStatus.BAD_REQUEST)
    except WebhookRefused as refusal:
        logger.warning("A webhook was refused: %s", refusal)
        return HttpResponse(status=HTTPStatus.BAD_REQUEST)
    inbox.receive(delivery, now=clock.now())
    return HttpResponse(status=HTTPStatus.OK)


def _body(request: HttpRequest) -> bytes:
    """Read no more than the cap, whatever length the request claims.

    :raises RequestDataTooBig: there is more.
    """
    limit: int = settings.WEBHOOK_MAX_BYTES
    body: bytes = request.read(limit + 1)
    if len(body) > limit:
        raise RequestDataTooBig("A webhook larger than the cap.")
    return body
