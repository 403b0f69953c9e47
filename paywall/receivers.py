"""What this app does on news from accounts."""

from __future__ import annotations

from typing import Any

from django.dispatch import receiver

from accounts.models import User
from accounts.signals import reader_closing
from paywall.models import Entitlement


@receiver(reader_closing, dispatch_uid="paywall.forget_a_closing_reader")
def forget_a_closing_reader(*, reader: User, **_kwargs: Any) -> None:
    """Erase a closing reader's rights with their history, whether or not the account's row stays."""
    Entitlement.objects.filter(reader=reader).delete()
