"""Free access from staff: to products, until an end, for a reason. Stripe never hears of it.

A comp stands beside whatever else a reader holds: the best right wins, nobody is charged because of it, and no
subscription stops or is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from accounts.models import User
from billing import letters, words
from billing.errors import CompRefused
from billing.models import Comp
from paywall import entitlements
from paywall.decision.facts import Grant

_ACCOUNT_CLOSED = "The account was closed."


def give(
    reader: User, *, products: Iterable[str], until: datetime, reason: str, by: User, now: datetime
) -> Comp:
    """Let a reader read `products` for nothing until then. The same again, while it runs, is the same comp.

    :raises CompRefused: nothing to open, an unknown product, no reason, an end that is past or too far, no such reader.
    """
    with transaction.atomic():
        current = _lock(reader)
        check(current, products=products, until=until, reason=reason, now=now)
        chosen = sorted(set(products))
        same = running(current, now=now).filter(ends_at=until, products=chosen).first()
        if same is not None:
            return same
        comp = Comp.objects.create(
            reader=current,
            products=chosen,
            starts_at=now,
            ends_at=until,
            reason=_sound_reason(reason),
            given_by=by,
        )
        _restate(comp, now=now)
        _tell(comp, now=now)
    return comp


def check(reader: User, *, products: Iterable[str], until: datetime, reason: str, now: datetime) -> None:
    """Say what `give` would say, and give nothing.

    :raises CompRefused: as there.
    """
    if not reader.is_active:
        raise CompRefused(_("This account is closed or blocked."))
    _check_products(set(products))
    _sound_reason(reason)
    _check_end(until, now=now)


def extend(comp: Comp, *, until: datetime, reason: str, now: datetime) -> Comp:
    """Let a comp that runs end later; return it as it is now. The same end again changes nothing.

    :raises CompRefused: it is over, the end is not later or too far, or nobody said why.
    """
    why = _sound_reason(reason)
    _check_end(until, now=now)
    with transaction.atomic():
        current = _lock_running(comp, now=now)
        if until < current.ends_at:
            raise CompRefused(_("It ends later already. End it early if that is what you want."))
        if until > current.ends_at:
            current.ends_at = until
            current.reason = f"{current.reason}\n{why}"
            current.save(update_fields=["ends_at", "reason"])
            _restate(current, now=now)
            _tell(current, now=now)
    return current


def end(comp: Comp, *, reason: str, now: datetime) -> Comp:
    """End a comp now; return it as it is then. One ended already stays as it was.

    :raises CompRefused: it has run out by itself, or nobody said why.
    """
    why = _sound_reason(reason)
    with transaction.atomic():
        _lock(comp.reader)
        current = Comp.objects.select_related("reader").get(pk=comp.pk)
        if current.ended_at is not None:
            return current
        if current.ends_at <= now:
            raise CompRefused(_("This free access is over. Give it anew."))
        current.ended_at, current.end_reason = now, why
        current.save(update_fields=["ended_at", "end_reason"])
        _restate(current, now=now)
        letters.withdraw("comp", about=_name(current))
    return current


def forget(reader: User, *, now: datetime) -> None:
    """End what a closed account holds, and keep no word of why it was given."""
    for comp in running(reader, now=now):
        end(comp, reason=_ACCOUNT_CLOSED, now=now)
    Comp.objects.filter(reader=reader).update(reason=_ACCOUNT_CLOSED)


def running(reader: User, *, now: datetime) -> QuerySet[Comp]:
    """Return the comps that open something to a reader now."""
    return Comp.objects.filter(reader=reader, ended_at=None, starts_at__lte=now, ends_at__gt=now)


def _lock(reader: User) -> User:
    """Let whoever changes what this reader is given follow one another."""
    return User.objects.select_for_update(no_key=True).get(pk=reader.pk)


def _lock_running(comp: Comp, *, now: datetime) -> Comp:
    reader = _lock(comp.reader)
    current = running(reader, now=now).select_related("reader").filter(pk=comp.pk).first()
    if current is None:
        raise CompRefused(_("This free access is over. Give it anew."))
    return current


def _check_products(chosen: set[str]) -> None:
    if not chosen:
        raise CompRefused(_("Choose what it opens."))
    unknown = chosen - set(entitlements.product_names())
    if unknown:
        raise CompRefused(_("There is no product %(names)s.") % {"names": ", ".join(sorted(unknown))})


def _sound_reason(reason: str) -> str:
    why = " ".join(reason.split())
    if not why:
        raise CompRefused(_("Please say why."))
    return why


def _check_end(until: datetime, *, now: datetime) -> None:
    if until <= now:
        raise CompRefused(_("The end is in the past."))
    if until > now + settings.COMP_LONGEST:
        latest = words.day(now + settings.COMP_LONGEST)
        raise CompRefused(_("Free access may last until %(date)s at the longest.") % {"date": latest})


def _restate(comp: Comp, *, now: datetime) -> None:
    ends_at = comp.ended_at or comp.ends_at
    grants = tuple(
        Grant(product=product, source=comp.source, starts_at=comp.starts_at, ends_at=ends_at)
        for product in comp.products
        if ends_at > comp.starts_at
    )
    entitlements.replace(comp.reader, source=comp.source, grants=grants, now=now)


def _tell(comp: Comp, *, now: datetime) -> None:
    """Tell the reader until when they read; what was not sent yet of an earlier end is taken back."""
    letters.withdraw("comp", about=_name(comp))
    names = entitlements.product_names()
    letters.to_reader(
        comp.reader,
        kind="comp",
        about=f"{_name(comp)}:{int(comp.ends_at.timestamp())}",
        now=now,
        comp=comp,
        product_names=[names.get(product, product) for product in comp.products],
    )


def _name(comp: Comp) -> str:
    return str(comp.pk)
