"""What stands between a reader and a purchase: what they have, and what they owe."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.utils.translation import gettext as _

from accounts.models import User
from billing import links, outlook, passes
from billing.errors import AlreadySubscribed, PaymentWaiting
from billing.models import OpenProduct, Price
from billing.outlook import Outlook


def refuse_second_purchase(reader: User, wanted: Price, *, return_url: str, now: datetime) -> None:
    """Let nobody buy what they have, nor anything while a payment waits.

    :raises SaleRefused: so it is; its remedies say what to do instead.
    """
    states = outlook.every(reader, now=now)
    refuse_while_unpaid(states, return_url=return_url)
    if OpenProduct.objects.filter(reader=reader, product__in=wanted.plan.unlocks).exists():
        resumable = any(state.can_resume and {*state.products} & {*wanted.plan.unlocks} for state in states)
        remedies = ({"kind": "resume", "url": links.account()},) if resumable else ()
        raise AlreadySubscribed(_("You already subscribe to this."), remedies=remedies)
    if wanted.lasts_hours:
        passes.refuse_second(reader, wanted, now=now)


def refuse_while_unpaid(states: Iterable[Outlook], *, return_url: str) -> None:
    """Send whoever owes a payment to the card, or to the bank's confirmation.

    :raises PaymentWaiting: one of these subscriptions waits for a payment.
    """
    for state in states:
        if state.confirm_url:
            remedy = {"kind": "confirm_payment", "url": links.confirm_payment()}
            raise PaymentWaiting(_("A payment waits for your confirmation."), remedies=(remedy,))
        if state.needs_card:
            remedy = {"kind": "fix_card", "url": links.card(return_url=return_url)}
            raise PaymentWaiting(_("A payment failed. Please fix the card first."), remedies=(remedy,))
