"""Registers the app with Django."""

from __future__ import annotations

from django.apps import AppConfig


class BillingConfig(AppConfig):
    """The `billing` app."""

    name = "billing"
    default_auto_field = "django.db.models.BigAutoField"
