"""Is ours what it should be? Told from the sandbox's raw objects, by code that shares nothing with what it judges."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from django.conf import settings

from billing.models import Customer, OpenProduct, StripeEvent, Subscription
from paywall import entitlements
from paywall.decision.policy import decide
from paywall.models import Entitlement
from tests.factories import paywall
from tests.proofs.histories.history import History

Obj = dict[str, Any]
_ENDED = frozenset({"canceled", "incomplete_expired"})
_LATER = tuple(timedelta(days=days) for days in (0, 1 / 24, 3, 8, 29, 40))
_UNLOCKED = {"premium_monthly": "premium", "culture_monthly": "culture"}


def difference(history: History) -> str:
    """Say where mirror, access or open products are not as the sandbox's; empty where all is equal."""
    return mirror_difference(history) or _access_difference(history) or _open_product_difference(history)


def unrest(history: History) -> str:
    """Say who still waits, or is held, when all that was due is done; and where our memory contradicts itself."""
    for customer in Customer.objects.all():
        if customer.sync_requested != customer.sync_done:
            return f"customer {customer.stripe_id} waits: {customer.sync_error}"
        if customer.leased_until is not None:
            return f"customer {customer.stripe_id} is held by {customer.leased_by}"
    for event in StripeEvent.objects.filter(state__in=("received", "dead")):
        return f"{event.type} {event.event_id} is {event.state}: {event.last_error}"
    return _contradiction(history)


def invoice_difference(history: History) -> str:
    """Say where invoices or cards are not as the sandbox's; a deleted customer's are kept as they were."""
    store = history.store
    gone = {row["id"] for row in store.all("customer") if row.get("_deleted")}
    for customer in Customer.objects.exclude(stripe_id__in=gone):
        theirs = {
            row["id"]: (row["status"], row["amount_paid"], row["amount_remaining"])
            for row in store.all("invoice")
            if row["customer"] == customer.stripe_id
        }
        ours = {
            row.stripe_id: (row.status, row.amount_paid, row.amount_remaining)
            for row in customer.invoices.all()
        }
        if ours != theirs:
            return f"invoices {ours}, not {theirs}"
        there = {
            row["id"] for row in store.all("payment_method") if row.get("customer") == customer.stripe_id
        }
        here = {row.stripe_id for row in customer.cards.all() if row.detached_at is None}
        if here != there:
            return f"cards {here}, not {there}"
    return ""


def mirror_difference(history: History) -> str:
    """Say where our subscriptions are not as the sandbox's."""
    theirs = {row["id"]: row for row in history.store.all("subscription")}
    ours = {row.stripe_id: row for row in Subscription.objects.prefetch_related("items")}
    if theirs.keys() != ours.keys():
        return f"subscriptions {sorted(ours)}, not {sorted(theirs)}"
    for name, row in theirs.items():
        if _mirrored(ours[name]) != _stated(row):
            return f"{name}: {_mirrored(ours[name])}, not {_stated(row)}"
    return ""


def _mirrored(ours: Subscription) -> tuple[Any, ...]:
    items = sorted((item.stripe_price, _seconds(item.period_ends_at)) for item in ours.items.all())
    ends = (_seconds(ours.cancel_at), ours.cancel_at_period_end, _seconds(ours.ended_at))
    return (ours.status, items, *ends, ours.pause_behavior, ours.default_card)


def _stated(theirs: Obj) -> tuple[Any, ...]:
    items = sorted((item["price"], item["current_period_end"]) for item in theirs["items"]["data"])
    ends = (theirs["cancel_at"], theirs["cancel_at_period_end"], theirs["ended_at"])
    pause = (theirs["pause_collection"] or {}).get("behavior", "")
    return (theirs["status"], items, *ends, pause, theirs["default_payment_method"] or "")


def _access_difference(history: History) -> str:
    grants = entitlements.snapshot(history.ground.reader, now=history.now)
    for product in _UNLOCKED.values():
        article = paywall.article_facts(products=(product,), published_at=datetime(2000, 1, 1, tzinfo=UTC))
        for later in _LATER:
            moment = history.now + later
            said = decide(paywall.facts(*grants, now=moment, article=article)).access == "full"
            held = history.store.all("subscription")
            expected = any(_opens(history, row, product, int(moment.timestamp())) for row in held)
            if said is not expected:
                return f"{product} in {later}: {said}, not {expected}; {grants}"
    return ""


def _opens(history: History, theirs: Obj, product: str, moment: int) -> bool:
    """The oracle: stripe.md 6.3 once more, told from the sandbox's raw objects."""
    (item,) = theirs["items"]["data"]
    if _opened_by(history, item["price"]) != product:
        return False
    end, slack = item["current_period_end"], settings.RENEWAL_SLACK.total_seconds()
    bills = [row for row in history.store.all("invoice") if _belongs(row, theirs)]
    match theirs["status"]:
        case "canceled":
            return bool(moment < theirs["ended_at"])
        case "active" if (theirs["pause_collection"] or {}).get("behavior") == "void":
            latest = next(row for row in bills if row["id"] == theirs["latest_invoice"])
            return latest["status"] not in {"void", "draft"} and moment < end
        case "active":
            last = theirs["cancel_at"] or end + slack
            return bool(moment < (last if last <= end else min(last, end + slack)))
        case "past_due":
            owed = [row for row in bills if row["status"] == "open" and row["attempted"]]
            since = min((row["status_transitions"]["finalized_at"] for row in owed), default=None)
            since = since or item["current_period_start"]
            last = since + settings.PAST_DUE_GRACE.total_seconds()
            return bool(moment < min(last, max(since, theirs["cancel_at"] or last)))
        case _:
            return False


def _opened_by(history: History, price: str) -> str:
    return next(_UNLOCKED[slug] for slug, known in history.ground.prices.items() if known == price)


def _belongs(invoice: Obj, theirs: Obj) -> bool:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return bool(details.get("subscription") == theirs["id"])


def _open_product_difference(history: History) -> str:
    held: dict[str, str] = {}
    for row in sorted(history.store.all("subscription"), key=lambda row: (row["created"], row["id"])):
        if row["status"] not in _ENDED:
            held.setdefault(_opened_by(history, row["items"]["data"][0]["price"]), row["id"])
    rows = OpenProduct.objects.filter(reader=history.ground.reader).select_related("subscription")
    ours = {row.product: row.subscription.stripe_id for row in rows}
    return "" if ours == held else f"open products {ours}, not {held}"


def _contradiction(history: History) -> str:
    """Find two rows of one source and product that were ever known at once."""
    last = datetime.max.replace(tzinfo=UTC)
    known: dict[tuple[str, str], list[tuple[datetime, datetime]]] = {}
    for row in Entitlement.objects.filter(reader=history.ground.reader):
        known.setdefault((row.source, row.product_id), []).append(
            (row.recorded_at, row.superseded_at or last)
        )
    for (source, product), spans in known.items():
        for (_, ended), (began, _) in pairwise(sorted(spans)):
            if began < ended:
                return f"{product} of {source} was known twice at {began}"
    return ""


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
