"""What this app does on news from accounts, and when places change in whatever way."""

from __future__ import annotations

import secrets
from datetime import datetime
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest

from accounts import clock, identity
from accounts.models import User
from accounts.signals import reader_closed, reader_closing, shut_out
from paywall import epochs, metering
from paywall.models import (
    CrawlerPolicy,
    DirectoryVersion,
    EmailDomain,
    Entitlement,
    Gift,
    GiftOpening,
    Institution,
    Network,
    Wallet,
)


@receiver(reader_closing, dispatch_uid="paywall.forget_a_closing_reader")
def forget_a_closing_reader(*, reader: User, now: datetime, **_kwargs: Any) -> None:
    """Erase a closing reader's rights with their history, whether or not the account's row stays.

    Their epoch stays, a bare number: edges have to learn that what is out there is void.
    """
    Entitlement.objects.filter(reader=reader).delete()
    epochs.raise_for(reader, now=now)
    Wallet.objects.filter(reader=reader).delete()
    forget_gifts(reader=reader)


@receiver(reader_closed, dispatch_uid="paywall.forget_gifts_made_meanwhile")
def forget_gifts(*, reader: User, **_kwargs: Any) -> None:
    """Erase what the reader gave, also to those who had accepted it, and that it was they who accepted something.

    What they accepted stays spent: a link would otherwise open as often as accounts are made and closed.
    """
    Gift.objects.filter(giver=reader).delete()
    for opening in GiftOpening.objects.filter(reader=reader):
        opening.reader, opening.device = None, f"closed-{secrets.token_hex(16)}"
        opening.save(update_fields=["reader", "device"])


@receiver(user_logged_in, dispatch_uid="paywall.merge_free_reads")
def merge_free_reads(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    """Count for the reader what was read on this device before they signed in."""
    device = identity.presented_device(request)
    if device is not None:
        metering.merge(device, user, now=clock.now())


@receiver(shut_out, dispatch_uid="paywall.void_tokens")
def void_tokens(*, reader: User, **_kwargs: Any) -> None:
    """Honour no token any longer that was handed out before."""
    epochs.raise_for(reader, now=clock.now())


@receiver(user_logged_out, dispatch_uid="paywall.void_tokens_of_who_left")
def void_tokens_of_who_left(user: User | None, **_kwargs: Any) -> None:
    """Leave nothing behind in a browser that others use as well; elsewhere the reader is given a new token."""
    if user is not None:
        epochs.raise_for(user, now=clock.now())


def renew_the_directory(**_kwargs: Any) -> None:
    """Let every process read again what it keeps of places and crawlers; rows also go with those they belong to."""
    DirectoryVersion.renew()


for _part in (Institution, Network, EmailDomain, CrawlerPolicy):
    for _change in (post_save, post_delete):
        _change.connect(renew_the_directory, sender=_part, dispatch_uid=f"paywall.renew_for_{_part.__name__}")
