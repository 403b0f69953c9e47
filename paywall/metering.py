"""Free reads: how many somebody has used, and using one so that no two requests can share the last.

A wallet belongs to a reader or, while nobody is signed in, to a device. Each free read is a receipt that stays; a
reading counts the receipts of the window. An article that was paid for with a read stays open until that read comes
back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from accounts import shelf
from accounts.identity import Identity
from accounts.models import User
from paywall.decision.meter import MeterReading, MeterTerms, reading
from paywall.models import FreeRead, Wallet

# Longer than a draft of rules looks back, and than any window should be.
_KEPT = timedelta(days=400)


def read_many(
    identity: Identity, wanted: Iterable[str], *, terms: MeterTerms, now: datetime
) -> dict[str, MeterReading]:
    """Return the reading for each of these articles, at the price of one."""
    owner = _owner(identity)
    spent = _spent(owner, terms=terms, at=now) if owner is not None and not identity.has_no_past else {}
    return readings(spent, identity, wanted, terms=terms, now=now)


def readings(
    spent: Mapping[str, datetime],
    identity: Identity,
    wanted: Iterable[str],
    *,
    terms: MeterTerms,
    now: datetime,
) -> dict[str, MeterReading]:
    """Return the reading for each of these articles, given what counts; who has no wallet has no free reads."""
    limit = terms.limit(is_known=identity.reader is not None) if _owner(identity) is not None else 0
    return {
        article: reading(spent, article=article, limit=limit, window=terms.window, at=now)
        for article in wanted
    }


def spent_by(who: User | str, *, terms: MeterTerms, now: datetime) -> dict[str, datetime]:
    """Return the articles on which a reader, or a device by its id, has used a free read that counts, and when."""
    owner = _of_reader(who) if isinstance(who, User) else _of_device(who)
    return _spent(owner, terms=terms, at=now)


def as_of(
    reader: User | None, article: str, *, terms: MeterTerms, at: datetime, known_at: datetime
) -> MeterReading:
    """Return how a reader's meter stood at `at` by the receipts of `known_at`; a stranger's as of a fresh device."""
    spent = _spent(_of_reader(reader), terms=terms, at=at, known_at=known_at) if reader is not None else {}
    limit = terms.limit(is_known=reader is not None)
    return reading(spent, article=article, limit=limit, window=terms.window, at=at)


def spend(identity: Identity, article: str, *, terms: MeterTerms, now: datetime) -> MeterReading:
    """Use a free read on an article, unless it is paid for already or none is left; return the reading then.

    Parallel calls for one wallet follow one another: the last read is spent once. What a reader spends counts on their
    device too, so that signing out brings nothing back. Who has no wallet, a site that names neither reader nor device,
    spends nothing and has nothing.
    """
    owner = _owner(identity)
    limit = terms.limit(is_known=identity.reader is not None)
    if owner is None:
        return MeterReading(limit=0)
    with transaction.atomic():
        # The device's first, as `merge` does: two that wait for each other would wait for ever.
        device = _device_of(identity)
        wallet = _lock(owner, reader=identity.reader)
        spent = _spent(owner, terms=terms, at=now)
        if article not in spent and len(spent) < limit:
            FreeRead.objects.create(wallet=wallet, article=article, spent_at=now, recorded_at=now)
            if device is not None:
                copy = {"spent_at": now, "recorded_at": now, "merged_at": now}
                FreeRead.objects.bulk_create(
                    [FreeRead(wallet=device, article=article, **copy)], ignore_conflicts=True
                )
            spent[article] = now
            shelf.turn(*_kept_of(identity.reader, identity.device))
    return reading(spent, article=article, limit=limit, window=terms.window, at=now)


def merge(device: str, reader: User, *, now: datetime) -> int:
    """Count a device's reads for the reader who signed in there; return how many were new to them.

    What both had read counts once, so nobody gains reads by signing in and what was open stays open. A device's reads
    go to the first who signs in, so that nobody pays for a housemate.
    """
    with transaction.atomic():
        source = Wallet.objects.select_for_update().filter(owner=_of_device(device)).first()
        if source is None:
            return 0
        target = _lock(_of_reader(reader), reader=reader)
        fresh = list(source.reads.filter(merged_at=None))
        known = set(target.reads.values_list("article", "spent_at"))
        added = [each for each in fresh if (each.article, each.spent_at) not in known]
        FreeRead.objects.bulk_create(
            FreeRead(wallet=target, article=each.article, spent_at=each.spent_at, recorded_at=now)
            for each in added
        )
        source.reads.filter(pk__in=[each.pk for each in fresh]).update(merged_at=now)
        shelf.turn(*_kept_of(reader, device))
    return len(added)


def forget(*, now: datetime) -> int:
    """Delete the receipts of devices that no window and no look back needs any more; return how many.

    Those of readers stay as long as their account does.
    """
    old = FreeRead.objects.filter(wallet__reader=None, spent_at__lt=now - _KEPT)
    deleted, _ = old.delete()
    Wallet.objects.filter(reader=None).exclude(pk__in=FreeRead.objects.values("wallet")).delete()
    return deleted


def _spent(
    owner: str, *, terms: MeterTerms, at: datetime, known_at: datetime | None = None
) -> dict[str, datetime]:
    """Return the articles that count at `at`, each with the moment from which it does.

    Without `known_at` all receipts count, also those of a request that began after this one and was faster, or whose
    clock is ahead.
    """
    receipts = FreeRead.objects.filter(wallet__owner=owner, spent_at__gte=terms.window.counts_since(at=at))
    if known_at is not None:
        receipts = receipts.filter(spent_at__lte=at, recorded_at__lte=known_at)
    # Latest first: of two reads of one article, after a merge, the first stays.
    rows = receipts.order_by("-spent_at").values_list("article", "spent_at")
    return {article: moment for article, moment in rows if terms.window.counts_until(moment) > at}


def _device_of(identity: Identity) -> Wallet | None:
    """Lock and return the wallet of the device on which a reader is signed in; None where there is none that lasts."""
    if identity.reader is None or identity.device is None or identity.set_device:
        return None
    return _lock(_of_device(identity.device), reader=None)


def _lock(owner: str, *, reader: User | None) -> Wallet:
    Wallet.objects.get_or_create(owner=owner, defaults={"reader": reader})
    return Wallet.objects.select_for_update().get(owner=owner)


def _kept_of(reader: User | None, device: str | None) -> list[str]:
    """Name what the shelf keeps of whoever's free reads changed."""
    of_reader = [shelf.of_reader(reader.pk)] if reader is not None else []
    return [*of_reader, shelf.of_device(device)] if device is not None else of_reader


def _owner(identity: Identity) -> str | None:
    if identity.reader is not None:
        return _of_reader(identity.reader)
    return _of_device(identity.device) if identity.device is not None else None


def _of_reader(reader: User) -> str:
    return f"reader:{reader.public_id}"


def _of_device(device: str) -> str:
    return f"device:{device}"
