"""What a reader agrees to after its amount was shown, done at once with the card on file: another plan, a return.

Whatever is clicked, in however many tabs, one agreement is kept at a time, and each once: the reader's one open
attempt, by constraint, stands between them, and its key is the idempotency key at Stripe.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError
from django.utils.translation import gettext as _

from accounts.models import User
from billing import attempts, subscribing, waiting
from billing.errors import AmountOutdated, BillingError, CardRefused, StripeTrouble
from billing.gateway import Gateway
from billing.models import CheckoutAttempt, Price, Subscription
from billing.waiting import Patience

# For so long an amount that was shown can be agreed to.
SHOWN_FOR = timedelta(minutes=30)
_CLOCKS_APART = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody agreed to, and the amount that they were shown."""

    kind: CheckoutAttempt.Kind
    subscription: Subscription
    price: Price
    shown_at: datetime
    amount: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """How a wish is fulfilled: `check` refuses what is not as it was shown, `ask` asks Stripe, with a key."""

    check: Callable[[], None]
    ask: Callable[[str], object]


def keep(reader: User, wish: Wish, deed: Deed, *, gateway: Gateway, now: datetime) -> None:
    """Do what was agreed, once, however often and in parallel it is asked for; end in a sync.

    What `check` refuses was not asked of Stripe. After trouble the same wish repeats the same call.

    :raises SaleRefused: as `check` says.
    :raises CardRefused: the card did not pay.
    :raises StripeTrouble: Stripe did not answer, or another purchase of this reader is under way; ask again.
    """
    patience = Patience(settings.CHECKOUT_SECONDS_TO_WAIT)
    while not _is_kept(reader, wish):
        attempt, is_mine = _opened(reader, wish, now=now)
        if is_mine and _is_kept(reader, wish):  # by a parallel click, since we last looked
            attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
            return
        if is_mine:
            _do(attempt, wish, deed, gateway=gateway, now=now)
            return
        if not attempts.is_agreement(attempt):
            subscribing.make_room(attempt, gateway=gateway, now=now)
        elif not _goes_on(attempt, wish, now=now) and attempts.give_way(attempt, gateway=gateway, now=now):
            continue
        if CheckoutAttempt.objects.filter(pk=attempt.pk, state=CheckoutAttempt.State.OPEN).exists():
            if not patience.wait():
                raise StripeTrouble(
                    _("Another purchase of yours is under way. Please try again in a moment.")
                )
        elif _is(attempt, wish):
            _share_refusal(attempt)


def refuse_outdated(*, shown_at: datetime, now: datetime) -> None:
    """Refuse an agreement to what was shown too long ago.

    :raises AmountOutdated: so it is.
    """
    if not now - SHOWN_FOR <= shown_at <= now + _CLOCKS_APART:
        raise outdated()


def outdated() -> AmountOutdated:
    """Return the refusal of an agreement to what is no longer so."""
    return AmountOutdated(_("The amount has changed since it was shown. Please look at it again."))


def _do(attempt: CheckoutAttempt, wish: Wish, deed: Deed, *, gateway: Gateway, now: datetime) -> None:
    try:
        if attempt.asked_at is None:
            deed.check()
            # Written before the call: whoever finds it knows that something may have come of it.
            attempt.asked_at = now
            attempt.save(update_fields=["asked_at"])
        deed.ask(attempt.key)
        _learn(wish.subscription.customer_id, gateway=gateway, now=now)
    except StripeTrouble as trouble:
        if trouble.answered or attempt.asked_at is None:
            attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
        CheckoutAttempt.objects.filter(pk=attempt.pk).update(leased_until=None)
        raise
    except CardRefused as refusal:
        attempts.close(attempt, CheckoutAttempt.State.CLOSED, refusal=refusal.code, now=now)
        raise
    except (BillingError, PermissionDenied):
        attempts.close(attempt, CheckoutAttempt.State.CLOSED, now=now)
        raise
    # Only now, when the news is here: there is no moment at which nothing stands in the way of a second purchase.
    attempts.close(attempt, CheckoutAttempt.State.DONE, now=now)


def _learn(customer: int, *, gateway: Gateway, now: datetime) -> None:
    if not waiting.for_sync(customer, gateway=gateway, now=now):
        raise StripeTrouble(_("Your last payment is still being confirmed. Please try again."))


def _opened(reader: User, wish: Wish, *, now: datetime) -> tuple[CheckoutAttempt, bool]:
    """Return the reader's one open attempt, a new one where there is none, and whether it is ours to carry out."""
    while True:
        try:
            mine = now + CheckoutAttempt.LEASE
            return attempts.begin(reader, leased_until=mine, now=now, **_columns(wish)), True
        except IntegrityError:
            found = CheckoutAttempt.objects.filter(reader=reader, state=CheckoutAttempt.State.OPEN).first()
        if found is not None:
            return found, _goes_on(found, wish, now=now) and attempts.claim(found, now=now)


def _columns(wish: Wish) -> dict[str, Any]:
    return {
        "kind": wish.kind,
        "subscription": wish.subscription,
        "price": wish.price,
        "shown_at": wish.shown_at,
        "amount": wish.amount,
    }


def _is_kept(reader: User, wish: Wish) -> bool:
    done = CheckoutAttempt.objects.filter(reader=reader, state=CheckoutAttempt.State.DONE)
    return done.filter(**_columns(wish)).exists()


def _goes_on(attempt: CheckoutAttempt, wish: Wish, *, now: datetime) -> bool:
    """Tell whether this attempt is for the same wish, and may still be carried on."""
    return _is(attempt, wish) and attempts.may_repeat(attempt, now=now)


def _is(attempt: CheckoutAttempt, wish: Wish) -> bool:
    return all(getattr(attempt, name) == value for name, value in _columns(wish).items())


def _share_refusal(attempt: CheckoutAttempt) -> None:
    """Answer a double click as the click was answered: a card is not charged again because of it."""
    code = CheckoutAttempt.objects.values_list("refusal", flat=True).get(pk=attempt.pk)
    if code:
        raise CardRefused("A parallel click was refused.", code=code)
