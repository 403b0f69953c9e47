"""Registers the app with Django."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The `config` app."""

    name = "config"
    default_auto_field = "django.db.models.BigAutoField"
