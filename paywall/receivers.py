"""What this app does on news from accounts."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import identity
from accounts.models import User
from accounts.signals import reader_closed, reader_closing
from paywall import metering
from paywall.models import Entitlement, Gift, GiftOpening, Wallet


@receiver(reader_closing, dispatch_uid="paywall.forget_a_closing_reader")
def forget_a_closing_reader(*, reader: User, **_kwargs: Any) -> None:
    """Erase a closing reader's rights with their history, whether or not the account's row stays."""
    Entitlement.objects.filter(reader=reader).delete()
    Wallet.objects.filter(reader=reader).delete()
    forget_gifts(reader=reader)


@receiver(reader_closed, dispatch_uid="paywall.forget_gifts_made_meanwhile")
def forget_gifts(*, reader: User, **_kwargs: Any) -> None:
    """Erase what the reader gave, also to those who had accepted it, and what they accepted."""
    Gift.objects.filter(giver=reader).delete()
    GiftOpening.objects.filter(reader=reader).delete()


@receiver(user_logged_in, dispatch_uid="paywall.merge_free_reads")
def merge_free_reads(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """Count for the reader what was read on this device before they signed in."""
    device = identity.presented_device(request)
    if device is not None:
        metering.merge(device, user)
