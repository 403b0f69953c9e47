"""Settings of this app that cannot work together stop the start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def clock_is_real(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """A clock that a file can move would let anybody with that file read on for ever."""
    if settings.CLOCK_FILE is not None and not settings.DEBUG:
        return [Error("CLOCK_FILE is for the demo and tests; unset it.", id="accounts.E001")]
    return []


@register(Tags.security)
def accounts_cannot_be_prepared(
    app_configs: Sequence[AppConfig] | None,
    **kwargs: Any,
) -> list[CheckMessage]:
    """A password chosen before the address is proven belongs to whoever came first, not to the owner."""
    if any(field.startswith("password") for field in settings.ACCOUNT_SIGNUP_FIELDS):
        return [Error("ACCOUNT_SIGNUP_FIELDS must not ask for a password.", id="accounts.E002")]
    if settings.ACCOUNT_EMAIL_VERIFICATION != "mandatory":
        return [Error("ACCOUNT_EMAIL_VERIFICATION must be 'mandatory'.", id="accounts.E003")]
    return []


@register(Tags.security)
def sessions_are_hashed(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Another store would keep session keys in clear."""
    if settings.SESSION_ENGINE != "accounts.session_store":
        return [Error("SESSION_ENGINE must be 'accounts.session_store'.", id="accounts.E004")]
    return []
