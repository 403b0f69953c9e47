"""Is ours what it should be? Told from Stripe's raw objects, by code that shares nothing with what it judges."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from accounts.models import User
from billing.models import Customer, OpenProduct, Subscription
from paywall import entitlements
from paywall.decision.policy import decide
from tests.factories import paywall

Obj = dict[str, Any]
_MOMENTS = tuple(timedelta(days=days) for days in (0, 1 / 24, 3, 8, 29, 40))
_ENDED = frozenset({"canceled", "incomplete_expired"})


@dataclass(frozen=True, slots=True)
class Truth:
    """What Stripe holds of one customer; `unlocked` says what each of its prices opens here.

    `withdrawn` names the subscriptions whose money was given back with the wish that reading ends, and when; `besides`
    tells whether something else than a subscription of theirs opens a product at a moment.
    """

    subscriptions: tuple[Obj, ...]
    invoices: tuple[Obj, ...]
    unlocked: Mapping[str, str]
    withdrawn: Mapping[str, int] = field(default_factory=dict)
    besides: Callable[[str, float], bool] = lambda _product, _moment: False


def difference(reader: User, truth: Truth, *, now: datetime) -> str:
    """Say where our mirror, access or open products are not as Stripe's; empty where all is equal."""
    return (
        mirror_difference(reader, truth)
        or _access_difference(reader, truth, now=now)
        or _open_product_difference(reader, truth)
    )


def mirror_difference(reader: User, truth: Truth) -> str:
    """Say where our subscriptions are not as Stripe's."""
    theirs = {row["id"]: row for row in truth.subscriptions}
    held = Subscription.objects.filter(customer__reader=reader).prefetch_related("items")
    ours = {row.stripe_id: row for row in held}
    if theirs.keys() != ours.keys():
        return f"subscriptions {sorted(ours)}, not {sorted(theirs)}"
    for name, row in theirs.items():
        if _mirrored(ours[name]) != _stated(row):
            return f"{name}: {_mirrored(ours[name])}, not {_stated(row)}"
    return ""


def invoice_difference(customer: Customer, truth: Truth) -> str:
    """Say where the customer's invoices are not as Stripe's."""
    theirs = {
        row["id"]: (row["status"], row["amount_paid"], row["amount_remaining"]) for row in truth.invoices
    }
    rows = customer.invoices.all()
    ours = {row.stripe_id: (row.status, row.amount_paid, row.amount_remaining) for row in rows}
    return "" if ours == theirs else f"invoices {ours}, not {theirs}"


def returns_difference(customer: Customer, refunds: Iterable[Obj], disputes: Iterable[Obj]) -> str:
    """Say where what went back to the customer is not as at Stripe."""
    theirs = {row["id"]: (row["status"], row["amount"]) for row in (*refunds, *disputes)}
    rows = (*customer.refunds.all(), *customer.disputes.all())
    ours = {row.stripe_id: (row.status, row.amount) for row in rows}
    return "" if ours == theirs else f"returns {ours}, not {theirs}"


def _mirrored(ours: Subscription) -> tuple[Any, ...]:
    items = sorted((item.stripe_price, _seconds(item.period_ends_at)) for item in ours.items.all())
    ends = (_seconds(ours.cancel_at), ours.cancel_at_period_end, _seconds(ours.ended_at))
    return (ours.status, items, *ends, ours.pause_behavior, ours.default_card)


def _stated(theirs: Obj) -> tuple[Any, ...]:
    items = sorted((item["price"]["id"], item["current_period_end"]) for item in theirs["items"]["data"])
    ends = (theirs["cancel_at"], theirs["cancel_at_period_end"], theirs["ended_at"])
    pause = (theirs["pause_collection"] or {}).get("behavior", "")
    return (theirs["status"], items, *ends, pause, theirs["default_payment_method"] or "")


def _access_difference(reader: User, truth: Truth, *, now: datetime) -> str:
    grants = entitlements.snapshot(reader, now=now)
    for product in sorted(set(truth.unlocked.values())):
        article = paywall.article_facts(products=(product,), published_at=datetime(2000, 1, 1, tzinfo=UTC))
        for later in _MOMENTS:
            moment = now + later
            said = decide(paywall.facts(*grants, now=moment, article=article)).access == "full"
            at = moment.timestamp()
            held = any(opens(truth, row, product, at) for row in truth.subscriptions)
            expected = held or truth.besides(product, at)
            if said is not expected:
                return f"{product} in {later}: {said}, not {expected}; {grants}"
    return ""


def opens(truth: Truth, theirs: Obj, product: str, moment: float) -> bool:
    """Tell whether this subscription opens the product: the table of statuses once more, from raw objects."""
    (item,) = theirs["items"]["data"]
    if truth.unlocked[item["price"]["id"]] != product:
        return False
    if moment >= truth.withdrawn.get(theirs["id"], moment + 1):
        return False
    end, slack = item["current_period_end"], settings.RENEWAL_SLACK.total_seconds()
    bills = [row for row in truth.invoices if _belongs(row, theirs)]
    match theirs["status"]:
        case "canceled":
            return bool(moment < theirs["ended_at"])
        case "active" if (theirs["pause_collection"] or {}).get("behavior") == "void":
            latest = next(row for row in bills if row["id"] == theirs["latest_invoice"])
            return latest["status"] not in {"void", "draft"} and moment < end
        case "active" | "trialing":
            last = theirs["cancel_at"] or end + slack
            return bool(moment < min(last, end + slack))
        case "past_due":
            owed = [row for row in bills if row["status"] == "open" and row["attempted"]]
            since = min((row["status_transitions"]["finalized_at"] for row in owed), default=None)
            since = since or item["current_period_start"]
            last = since + settings.PAST_DUE_GRACE.total_seconds()
            return bool(moment < min(last, max(since, theirs["cancel_at"] or last)))
        case _:
            return False


def _belongs(invoice: Obj, theirs: Obj) -> bool:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return bool(details.get("subscription") == theirs["id"])


def _open_product_difference(reader: User, truth: Truth) -> str:
    held: dict[str, str] = {}
    for row in sorted(truth.subscriptions, key=lambda row: (row["created"], row["id"])):
        if row["status"] not in _ENDED:
            held.setdefault(truth.unlocked[row["items"]["data"][0]["price"]["id"]], row["id"])
    rows = OpenProduct.objects.filter(reader=reader).select_related("subscription")
    ours = {row.product: row.subscription.stripe_id for row in rows}
    return "" if ours == held else f"open products {ours}, not {held}"


def not_as_asked(charges: Iterable[Obj], invoices: Iterable[Obj], *, once: int = 0) -> list[str]:
    """Return where more or less money was taken than paid invoices ask for and what was bought `once` costs."""
    asked = once + sum(row["amount_due"] for row in invoices if row["status"] == "paid")
    paid = sum(row["amount"] for row in charges if row["status"] == "succeeded")
    return [] if asked == paid else [f"{paid} was taken for {asked}"]


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
