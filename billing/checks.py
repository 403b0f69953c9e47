"""Settings that cannot work together, told at the start instead of at the first payment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register

_PREFIX = "whsec_"


@register(Tags.security)
def stripe_is_configured(app_configs: Sequence[AppConfig] | None, **_more: Any) -> list[CheckMessage]:
    """Say what is missing before money can move."""
    found: list[CheckMessage] = []
    if not settings.STRIPE_SECRET_KEY:
        found.append(_key_missing())
    if not settings.STRIPE_WEBHOOK_SECRETS:
        found.append(_webhook_secret_missing())
    found += [_odd_webhook_secret() for secret in settings.STRIPE_WEBHOOK_SECRETS if not _looks_right(secret)]
    return found


def _looks_right(secret: str) -> bool:
    return secret.startswith(_PREFIX) and len(secret) > len(_PREFIX)


def _key_missing() -> CheckMessage:
    return checks.Warning(
        "No Stripe key is configured: nobody can subscribe.",
        hint="Set STRIPE_SECRET_KEY (or STRIPE_SECRET_KEY_FILE).",
        id="billing.W001",
    )


def _webhook_secret_missing() -> CheckMessage:
    kind, number = (checks.Warning, "W002") if settings.DEBUG else (checks.Error, "E002")
    return kind(
        "No webhook secret is configured: deliveries get 503, and news comes by polling only.",
        hint="Set STRIPE_WEBHOOK_SECRETS to the signing secret of the endpoint (whsec_…).",
        id=f"billing.{number}",
    )


def _odd_webhook_secret() -> CheckMessage:
    return checks.Error(
        "A webhook secret does not look like one of Stripe's.",
        hint="STRIPE_WEBHOOK_SECRETS takes comma-separated signing secrets (whsec_…), not API keys.",
        id="billing.E003",
    )
