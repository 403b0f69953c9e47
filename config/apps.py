"""Registers the project's own commands and makes Celery's application the current one in every process."""

from __future__ import annotations

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """The `config` package as an app: it has commands, no models."""

    name = "config"

    def ready(self) -> None:
        """Bind shared tasks to our Celery application, also in web processes and commands."""
        import config.celery
