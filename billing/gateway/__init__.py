"""Our port to Stripe: the only package that imports `stripe`. Stripe's objects and errors become ours here.

`Gateway` says what the rest of billing may ask for; `StripeGateway` does it through the pinned SDK. Domain functions
are given a `gateway`; only entry points call `default`.
"""

from __future__ import annotations

import functools

from django.conf import settings

from billing.gateway.account import StripeGateway
from billing.gateway.port import Beginning, Delivery, Gateway, NextCharge

__all__ = ["Beginning", "Delivery", "Gateway", "NextCharge", "StripeGateway", "default"]


def default() -> StripeGateway:
    """Return the gateway of the configured account; one per process, safe to share between threads."""
    return _gateway(
        settings.STRIPE_SECRET_KEY,
        settings.STRIPE_API_BASE,
        tuple(settings.STRIPE_WEBHOOK_SECRETS),
        with_tax=settings.STRIPE_TAX,
    )


@functools.cache
def _gateway(
    secret_key: str, api_base: str, webhook_secrets: tuple[str, ...], *, with_tax: bool
) -> StripeGateway:
    return StripeGateway(
        secret_key=secret_key, api_base=api_base, webhook_secrets=webhook_secrets, with_tax=with_tax
    )
