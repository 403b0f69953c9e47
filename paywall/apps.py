"""Registers the app with Django."""

from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import Tags, register


class PaywallConfig(AppConfig):
    """The `paywall` app."""

    name = "paywall"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect receivers and checks."""
        from paywall import checks, receivers

        register(checks.every_remedy_has_a_page, Tags.urls)
