"""A pause: whole periods that are neither charged nor read, with a date at which Stripe goes on by itself.

Stripe has a pause of its own besides, the status `paused`: of a trial that ended without a card, or made in its
dashboard. It is taken back here too.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import User
from billing import agreements, card_faces, contracts, links, months, obstacles, outlook, waiting, words
from billing.agreements import Deed, Wish
from billing.errors import CardOnFileRefused, CardRefused, NothingToDo, NotPossible
from billing.gateway import Gateway
from billing.models import CheckoutAttempt, Subscription
from billing.snapshots import Status

# Stripe voids what is billed before this; the renewal itself must not be.
_BEFORE_RENEWAL = timedelta(hours=1)
_MONTHS = {"month": 1, "year": 12}
_DAYS = {"day": 1, "week": 7}


def dates(row: Subscription, *, now: datetime) -> tuple[datetime, ...]:
    """Return the moments to which this subscription may be paused: renewals, the next one left out."""
    item = row.items.first()
    if item is None or row.period_ends_at is None:
        return ()
    found, step = [], 1
    while (moment := _renewal(row.period_ends_at, item.interval, step * item.interval_count)) is not None:
        if moment > now + settings.PAUSE_MOST:
            break
        if moment >= now + settings.PAUSE_LEAST:
            found.append(moment)
        step += 1
    return tuple(found)


def pause(
    reader: User, *, until: datetime, subscription: str | None = None, gateway: Gateway, now: datetime
) -> None:
    """Pause from the end of what is paid to the first renewal at or after `until`. Repeating it changes nothing.

    :raises NothingToDo: the reader has no such subscription.
    :raises NotPossible: it cannot be paused as it stands, or not for so long.
    :raises PaymentWaiting: a payment is to be fixed first.
    :raises StripeTrouble: Stripe did not answer; ask again.
    """
    row = contracts.own_open(reader, subscription, now=now)
    waiting.until_synced(row.customer_id, gateway=gateway, now=now)
    row.refresh_from_db()
    obstacles.refuse_while_unpaid(outlook.every(reader, now=now), return_url="")
    renewal = next((moment for moment in dates(row, now=now) if moment >= until), None)
    resumes_at = renewal - _BEFORE_RENEWAL if renewal is not None else None
    if resumes_at is not None and row.pause_behavior and row.pause_resumes_at == resumes_at:
        return
    if resumes_at is None or until <= now or not outlook.of_subscription(row, now=now).can_pause:
        raise NotPossible(_("This subscription cannot be paused until then."))
    contracts.ask(
        row,
        purpose=f"pause-{int(resumes_at.timestamp())}",
        call=lambda key: gateway.pause(subscription=row.stripe_id, until=resumes_at, key=key),
        gateway=gateway,
        now=now,
    )


def resume(reader: User, *, subscription: str | None = None, gateway: Gateway, now: datetime) -> None:
    """Take back a scheduled end, or a pause. Repeating it changes nothing.

    A pause that has not begun leaves all as it was. One that has begun ends with a new period, which is charged now;
    after a pause of Stripe's own it is owed where the card does not pay.

    :raises NothingToDo: the reader has no such subscription, or it has ended, or its pause has.
    :raises NotPossible: there is no card that could be charged.
    :raises CardOnFileRefused: the card did not pay for the new period; the pause goes on.
    :raises StripeTrouble: Stripe did not answer; ask again.
    """
    row = contracts.own_open(reader, subscription, now=now)
    if row.pause_behavior or row.status == Status.PAUSED:
        waiting.until_synced(row.customer_id, gateway=gateway, now=now)
        row.refresh_from_db()
    if outlook.is_skipped(row):
        _begin(reader, row, gateway=gateway, now=now)
    elif row.pause_behavior:
        contracts.ask(
            row,
            purpose="unpause",
            call=lambda key: gateway.unpause(subscription=row.stripe_id, begin_now=False, key=key),
            gateway=gateway,
            now=now,
        )
    contracts.resume(reader, subscription=str(row.pk), gateway=gateway, now=now)


def _begin(reader: User, row: Subscription, *, gateway: Gateway, now: datetime) -> None:
    """End a pause that has begun, once: two clicks must not begin, and pay for, two periods."""
    item = row.items.select_related("price").first()
    if item is None or item.price is None:
        raise NotPossible(_("This subscription cannot be changed here. Please write to us."))
    if row.automatic and card_faces.charged_for(row) is None:
        remedy = {"kind": "fix_card", "url": links.card(return_url=links.account())}
        raise NotPossible(_("Please enter a card first."), remedies=(remedy,))
    wish = Wish(
        kind=CheckoutAttempt.Kind.CHANGE,
        subscription=row,
        price=item.price,
        # The period that is skipped tells this pause from another: of either the end may not be stated.
        shown_at=item.period_starts_at,
        amount=(item.unit_amount or 0) * item.quantity,
    )
    deed = Deed(
        check=lambda: _refuse_running(row, gateway=gateway, now=now),
        ask=lambda key: _go_on(row, key, gateway),
    )
    try:
        agreements.keep(reader, wish, deed, gateway=gateway, now=now)
    except CardRefused as refusal:
        text = _("%(reason)s Your subscription stays paused, and nothing is owed.") % {
            "reason": words.refusal(refusal.code)
        }
        raise CardOnFileRefused(text, remedies=({"kind": "fix_card", "url": links.card()},)) from refusal


def _refuse_running(row: Subscription, *, gateway: Gateway, now: datetime) -> None:
    """Begin no period where one is running by now.

    :raises NothingToDo: so it is.
    """
    waiting.until_synced(row.customer_id, gateway=gateway, now=now)
    if not outlook.is_skipped(Subscription.objects.get(pk=row.pk)):
        raise NothingToDo(_("This subscription is not paused."))


def _go_on(row: Subscription, key: str, gateway: Gateway) -> object:
    if row.status == Status.PAUSED:
        return gateway.resume(subscription=row.stripe_id, key=key)
    return gateway.unpause(subscription=row.stripe_id, begin_now=True, key=key)


def _renewal(last: datetime, interval: str, count: int) -> datetime | None:
    """Return the renewal so many intervals after `last`; None for an interval that we do not know."""
    if interval in _DAYS:
        return last + timedelta(days=_DAYS[interval] * count)
    if interval not in _MONTHS:
        return None
    return months.later(last, _MONTHS[interval] * count)
