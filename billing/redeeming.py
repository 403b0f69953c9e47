"""Redeeming a gift subscription: once, by whoever has its code; the recipient is never charged.

Stripe is asked before and told after, on the payment itself: so a code stays used although a backup of yesterday has
forgotten who used it.
"""

from __future__ import annotations

import logging
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from billing import calls, gift_codes, letters, months, open_products, outlook, presents
from billing.errors import AlreadySubscribed, BillingError, GiftCodeRefused
from billing.gateway import Gateway
from billing.models import Present
from paywall import entitlements

logger = logging.getLogger(__name__)

# Rights that end by themselves and that a gift follows; free access and passes may be taken back any day.
_FOLLOWED = ("subscription:", "gift:")


def redeem(code: str, *, reader: User, gateway: Gateway, now: datetime) -> Present:
    """Give a reader what the code is worth, once. The same reader may ask again; nobody else may.

    It begins now, or when what they hold by another gift or an ending subscription ends.

    :raises GiftCodeRefused: there is nothing to redeem by this code; why is not said.
    :raises AlreadySubscribed: a subscription of theirs that goes on opens the same; the code stays good.
    :raises StripeTrouble: Stripe did not say whether it still can be redeemed; ask again.
    """
    digest = gift_codes.digest_of(code)
    for waiting in Present.objects.redeemable(at=now).filter(code_digest=digest):
        presents.look(waiting, gateway=gateway, now=now)
    present = _redeemed(digest, reader, now=now)
    try:
        if present.noted_at is None:
            note(present, gateway=gateway, now=now)
    except BillingError as trouble:
        logger.warning("Stripe could not be told that gift %s is redeemed: %s", present.pk, trouble)
    return present


def note(present: Present, *, gateway: Gateway, now: datetime) -> None:
    """Write on the payment at Stripe who redeemed it, and when. Repeating it changes nothing.

    :raises StripeTrouble: Stripe did not answer; the sweep asks again.
    """
    if present.redeemed_at is None or present.redeemed_by is None or present.starts_at is None:
        return
    told = {
        "redeemed_by": present.redeemed_by.public_id,
        "redeemed_at": str(int(present.redeemed_at.timestamp())),
        "begins_at": str(int(present.starts_at.timestamp())),
    }
    calls.recorded(
        purpose="note",
        subject=present.key,
        call=lambda key: gateway.note_on_payment(payment=present.payment_id, note=told, key=key),
        now=now,
    )
    Present.objects.filter(pk=present.pk).update(noted_at=now)


def _redeemed(digest: str, reader: User, *, now: datetime) -> Present:
    with transaction.atomic():
        # First the reader, so that two gifts redeemed at once follow one another.
        current = User.objects.select_for_update(no_key=True).get(pk=reader.pk)
        own = Present.objects.filter(code_digest=digest, redeemed_by=current, withdrawn_because="").first()
        if own is not None:
            return own
        present = Present.objects.redeemable(at=now).filter(code_digest=digest).first()
        if present is None or not current.is_active or not _take(present, current, now=now):
            raise GiftCodeRefused(_("This code cannot be redeemed. Please check how it is written."))
        present.refresh_from_db()
        presents.restate(present, now=now)
        _welcome(present, current, now=now)
    return present


def _take(present: Present, reader: User, *, now: datetime) -> bool:
    """Make a gift this reader's; of two at one moment the second finds it redeemed."""
    starts_at = _beginning(reader, set(present.products), now=now)
    still_there = Present.objects.redeemable(at=now).filter(pk=present.pk)
    taken = still_there.update(
        redeemed_at=now,
        redeemed_by=reader,
        starts_at=starts_at,
        ends_at=months.later(starts_at, present.months),
    )
    return taken == 1


def _beginning(reader: User, products: set[str], *, now: datetime) -> datetime:
    for product, held in open_products.of(reader):
        if product in products and outlook.scheduled_end(held) is None:
            raise AlreadySubscribed(
                _(
                    "You subscribe to this already. Keep the code, it stays good: once your subscription has an end, "
                    "the gift can follow it."
                )
            )
    ends = (
        grant.ends_at
        for grant in entitlements.snapshot(reader, now=now)
        if grant.product in products and grant.source.startswith(_FOLLOWED) and grant.ends_at is not None
    )
    return max((now, *ends))


def _welcome(present: Present, reader: User, *, now: datetime) -> None:
    letters.to_reader(
        reader, kind="present_redeemed", about=str(present.pk), now=now, **presents.words(present)
    )
