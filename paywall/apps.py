"""Registers the app with Django."""

from __future__ import annotations

from django.apps import AppConfig


class PaywallConfig(AppConfig):
    """The `paywall` app."""

    name = "paywall"
    default_auto_field = "django.db.models.BigAutoField"
