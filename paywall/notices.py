"""What the wall tells this reader: one true thing, in their language.

A notice says what is the matter and what changes it. Links stand beside it as remedies, prices are billing's to
tell. Amounts, ids and full card numbers never appear.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from babel.dates import format_date
from django.utils import timezone
from django.utils.text import get_text_list
from django.utils.translation import get_language, ngettext, to_locale
from django.utils.translation import gettext as _

from paywall.decision.facts import Grant, Suspension
from paywall.decision.policy import Decision
from paywall.decision.reasons import Reason, Remedy

# The reasons whose notice names products; only they need the names to be looked up.
NAMING_PRODUCTS = frozenset({Reason.SUBSCRIPTION_REQUIRED, Reason.UPGRADE_REQUIRED})


@dataclass(frozen=True, slots=True)
class Notice:
    """A heading and a sentence or two, as plain text."""

    title: str
    text: str


def write(decision: Decision, *, names: Mapping[str, str], now: datetime) -> Notice | None:
    """Return what to tell the reader, in the active language; None where nothing needs saying.

    `names` are the names of products by slug; one that is missing is told by its slug.
    """
    notice = _plain(decision, names=names, now=now)
    if notice is None or not decision.is_in_doubt:
        return notice
    again = _(
        "We are asking once more whether a payment of yours has arrived. If so, the article opens in a moment."
    )
    return Notice(notice.title, f"{notice.text} {again}")


def _plain(decision: Decision, *, names: Mapping[str, str], now: datetime) -> Notice | None:
    match decision.reason:
        case Reason.GRACE_PERIOD:
            return _in_grace(decision.grant, now=now)
        case Reason.SUBSCRIPTION_REQUIRED:
            return _subscription_required(decision, names=names)
        case Reason.UPGRADE_REQUIRED:
            return _upgrade_required(decision, names=names)
        case Reason.SUBSCRIPTION_ENDED:
            return _ended(decision.grant)
        case Reason.PAYMENT_FAILED:
            return _payment_failed(decision.grant)
        case Reason.PAYMENT_ACTION_REQUIRED:
            return Notice(
                _("Your bank wants you to confirm the payment"),
                _(
                    "One click takes you there. The article opens by itself as soon as the payment is confirmed."
                ),
            )
        case Reason.SUBSCRIPTION_PAUSED:
            return _paused(decision.grant)
        case Reason.METERED:
            return _metered(decision, now=now)
        case Reason.METER_EXHAUSTED:
            return _exhausted(decision, now=now)
    return _that_depends_on_nobody(decision.reason)


def after_a_spent_gift(notice: Notice) -> Notice:
    """Return a refusal for somebody who came with a gift that opens nothing to them: that first, then what helps."""
    gone = _("The gift that you came with can no longer be opened.")
    return Notice(notice.title, f"{gone} {notice.text}")


def _that_depends_on_nobody(reason: Reason) -> Notice | None:
    match reason:
        case Reason.REGISTRATION_REQUIRED:
            return Notice(
                _("Sign in to read on"),
                _("This article is free to everybody with an account. Sign in, or register."),
            )
        case Reason.ACCOUNT_BLOCKED:
            return Notice(
                _("This account is blocked"), _("Please write to us if you think that this is a mistake.")
            )
        case Reason.GIFT_LINK:
            return Notice(
                _("A gift for you"), _("A subscriber shares this article with you; you can read all of it.")
            )
        case Reason.UNPUBLISHED:
            return Notice(_("This article is not available"), _("It is not, or no longer, published."))
        case Reason.EMBARGOED:
            return Notice(_("This article is not out yet"), _("Please come back later."))
    return None


def _subscription_required(decision: Decision, *, names: Mapping[str, str]) -> Notice:
    if Remedy.LOG_IN in decision.remedies:
        return Notice(
            _("This article is for subscribers"),
            _("If you subscribe already, sign in and read on. If not, a subscription opens it."),
        )
    return Notice(
        _("This article is for subscribers"),
        _(
            "%(products)s opens it. There is no subscription on the account that you are signed in to; if you "
            "subscribed with another e-mail address, sign in with that one."
        )
        % {"products": _either(decision.products, names)},
    )


def _metered(decision: Decision, *, now: datetime) -> Notice | None:
    """Tell what is left, or what is wrong with a payment where reading on for nothing would hide it."""
    if decision.remedies:
        return Notice(_("Your payment did not go through"), _what_happened(decision.grant))
    if decision.meter is None:
        return None
    left = decision.meter.remaining(at=now)
    return Notice(
        _("You are reading this for free"),
        ngettext("%(left)d free article is left.", "%(left)d free articles are left.", left) % {"left": left}
        if left
        else _("It is the last of your free articles."),
    )


def _exhausted(decision: Decision, *, now: datetime) -> Notice:
    title = _("You have read your free articles")
    back = decision.meter.resets_at(at=now) if decision.meter is not None else None
    returns = _("You can read for free again from %(date)s.") % {"date": _day(back)} if back else ""
    if Remedy.REGISTER in decision.remedies:
        way = _(
            "If you subscribe, sign in. Who registers reads more for free; a subscription opens everything."
        )
    elif Remedy.LOG_IN in decision.remedies:
        way = _("If you subscribe, sign in. If not, a subscription opens it.")
    else:
        way = _("A subscription opens it at once.")
    return Notice(title, " ".join(filter(None, [way, returns])))


def _upgrade_required(decision: Decision, *, names: Mapping[str, str]) -> Notice:
    held = decision.grant.product if decision.grant is not None else ""
    return Notice(
        _("Your subscription does not include this article"),
        _("You have %(held)s. This article is part of %(products)s.")
        % {"held": names.get(held, held), "products": _either(decision.products, names)},
    )


def _ended(grant: Grant | None) -> Notice:
    if grant is None or grant.ends_at is None:
        return Notice(_("Your subscription has ended"), _("Subscribe again and read on at once."))
    return Notice(
        _("Your subscription has ended"),
        _("It ended on %(date)s. Subscribe again and read on at once.") % {"date": _day(grant.ends_at)},
    )


def _paused(grant: Grant | None) -> Notice:
    if grant is None or grant.resumes_at is None:
        return Notice(_("Your subscription is paused"), _("Resume it and read on at once."))
    return Notice(
        _("Your subscription is paused"),
        _("It goes on by itself on %(date)s. Resume it earlier and read on at once.")
        % {"date": _day(grant.resumes_at)},
    )


def _payment_failed(grant: Grant | None) -> Notice:
    what_happened = _what_happened(grant)
    opens = _("The article opens by itself when a new card pays the open invoice.")
    return Notice(_("Your payment did not go through"), f"{what_happened} {opens}")


def _in_grace(grant: Grant | None, *, now: datetime) -> Notice | None:
    if grant is None or grant.grace_until is None:
        return None
    until = {"date": _day(grant.grace_until)}
    match grant.suspension:
        case Suspension.PAYMENT_FAILED:
            told = [
                _what_happened(grant),
                _("You can read on until %(date)s; please give us a card that works.") % until,
                _retry(grant, now=now),
            ]
            return Notice(_("Please check your card"), " ".join(filter(None, told)))
        case Suspension.PAYMENT_ACTION_REQUIRED:
            return Notice(
                _("Your bank wants you to confirm the payment"),
                _("You can read on until %(date)s; one click takes you to your bank.") % until,
            )
    # The renewal is merely on its way; there is nothing to worry anybody with.
    return None


def _what_happened(grant: Grant | None) -> str:
    trouble = grant.trouble if grant is not None else None
    if trouble is None or not trouble.card:
        return _("Your last payment failed.")
    match trouble.cause:
        case "insufficient_funds":
            text = _("Your card %(card)s was declined for lack of funds.")
        case "expired_card":
            text = _("Your card %(card)s has expired.")
        case "authentication_required":
            text = _("Your bank did not release the payment with your card %(card)s.")
        case "lost_card" | "stolen_card" | "pickup_card":
            # Whoever holds the card need not learn from us that it was reported.
            text = _("Your card %(card)s was declined by your bank.")
        case _:
            text = _("Your card %(card)s was declined.")
    return text % {"card": trouble.card}


def _retry(grant: Grant, *, now: datetime) -> str:
    retry_at = grant.trouble.retry_at if grant.trouble is not None else None
    if retry_at is None or retry_at <= now:
        return ""
    return _("We try it again on %(date)s.") % {"date": _day(retry_at)}


def _either(products: tuple[str, ...], names: Mapping[str, str]) -> str:
    return get_text_list([names.get(product, product) for product in products], _("or"))


def _day(moment: datetime) -> str:
    locale = to_locale(get_language() or "en")
    return format_date(timezone.localtime(moment).date(), format="long", locale=locale)
