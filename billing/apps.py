"""Registers the app with Django."""

from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """The `billing` app."""

    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Listen to the floors below, and check the settings."""
        from billing import checks, receivers
