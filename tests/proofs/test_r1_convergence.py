"""The proof: whatever happened at Stripe, and whatever became of the news of it, we end equal after one reconcile.

Each history is a reader's life at the sandbox: bought, renewed, failed, fixed, cancelled, deleted … while events are
lost, doubled, late and in any order, workers look at the wrong moment, or die. What is expected is told from the
sandbox's own objects by an oracle that shares no code with ours.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction

from billing import comparison, inbox, reconciliation, snapshots, sync
from billing.errors import StripeRefused
from billing.gateway import Delivery
from billing.models import Customer, OpenProduct, Subscription
from billing.sandbox.rendering import show
from billing.snapshots import CustomerPicture
from paywall import entitlements
from paywall.decision.policy import decide
from tests.factories import paywall
from tests.factories.billing import ASKS_ALWAYS, DAY, FAILS_LATER, GOOD, Shop, a_shop
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent

HISTORIES = int(os.environ.get("HISTORIES") or extent(ordinary=60, full=500))
LOST, DOUBLED, LATE, LOOKS_BETWEEN, RACES, DIES = 0.05, 0.15, 0.3, 0.5, 0.1, 0.03
HOUR = timedelta(hours=1)
SANDBOX = "convergence"


@dataclass
class Figures:
    """What the proof counts."""

    changes: int = 0
    events: int = 0
    lost: int = 0
    doubled: int = 0
    looks: int = 0
    behind: int = 0  # histories that were not equal before the reconcile


@dataclass
class History:
    """One reader's life, from one seed."""

    seed: int
    shop: Shop
    customer: Customer
    figures: Figures
    dice: random.Random
    told: int = 0
    on_the_way: list[Delivery] = field(default_factory=list)

    def run(self) -> None:
        """Let 3 to 12 things happen, with the news of them in disorder."""
        for _change in range(self.dice.randint(3, 12)):
            self.change()
            self.deliver(late=LATE)
            if self.dice.random() < LOOKS_BETWEEN:
                self.work()
        self.deliver(late=0)
        self.work()

    def change(self) -> None:
        """Do one thing that a reader, staff or time may do; a refusal is a thing that did not happen."""
        self.figures.changes += 1
        chosen: Callable[[], Any] = self.dice.choice(CHANGES)
        try:
            chosen(self)
        except (StripeRefused, LookupError):
            return

    def deliver(self, *, late: float) -> None:
        """Bring what is on its way, shuffled; some of it twice, some of it never, some of it later."""
        events = list(self.shop.sandbox.world.store.all("event"))
        for event in events[self.told :]:
            self.figures.events += 1
            if self.dice.random() < LOST:
                self.figures.lost += 1
                continue
            payload = show(self.shop.sandbox.world.store, event)
            delivery = Delivery(event=snapshots.event(payload), payload=payload)
            self.on_the_way.append(delivery)
            if self.dice.random() < DOUBLED:
                self.figures.doubled += 1
                self.on_the_way.append(delivery)
        self.told = len(events)
        self.dice.shuffle(self.on_the_way)
        kept = [delivery for delivery in self.on_the_way if self.dice.random() < late]
        inbox.receive_missed((one for one in self.on_the_way if one not in kept), now=self.shop.now)
        self.on_the_way = kept

    def work(self) -> None:
        """Do what is due, as workers that may be overtaken by a change or die before they write."""
        now = self.shop.now
        while due := inbox.due_ids(now=now, limit=1):
            inbox.process(due[0], gateway=self.shop.gateway, now=now)
        for customer in sync.waiting_ids(now=now, limit=10):
            self.figures.looks += 1
            if self.dice.random() < DIES:
                Customer.objects.filter(pk=customer).update(
                    leased_by="dead", leased_until=now + Customer.LEASE
                )
                continue
            sync.customer(customer, gateway=self, now=now)

    def picture(self, customer: str) -> CustomerPicture:
        """Take a picture as the gateway does; sometimes the world moves on before it is written."""
        picture = self.shop.gateway.picture(customer)
        if self.dice.random() < RACES:
            self.change()
        return picture

    # What may happen

    def buy(self) -> None:
        cards = [GOOD, GOOD, GOOD, FAILS_LATER, ASKS_ALWAYS]
        slug = self.dice.choice(["premium_monthly", "premium_monthly", "culture_monthly"])
        self.shop.subscribe(self.customer.stripe_id, slug=slug, card=self.dice.choice(cards))

    def wait(self) -> None:
        days = self.dice.choice([0.02, 1, 3, 8, 15, 31, 31, 35])
        self.shop.sandbox.advance(seconds=days * 24 * 3600)

    def swap_card(self) -> None:
        card = self.dice.choice([FAILS_LATER, FAILS_LATER, ASKS_ALWAYS, GOOD])
        self.shop.sandbox.swap_card(self.customer.stripe_id, card=card)

    def recover(self) -> None:
        self.shop.sandbox.swap_card(self.customer.stripe_id, card=GOOD)
        picture = self.shop.gateway.picture(self.customer.stripe_id)
        for invoice in picture.invoices:
            if invoice.status == "open" and picture.customer.default_card:
                self.shop.gateway.pay_invoice(
                    invoice=invoice.id, card=picture.customer.default_card, key=self.key()
                )

    def cancel(self) -> None:
        self.shop.gateway.cancel_at_period_end(subscription=self.one(), key=self.key())

    def cancel_by_date(self) -> None:
        end = int((self.shop.now + self.dice.choice([2, 20, 50]) * DAY).timestamp())
        self.update({"cancel_at": end})

    def cancel_now(self) -> None:
        self.shop.gateway.cancel_now(subscription=self.one(), key=self.key())

    def keep(self) -> None:
        self.shop.gateway.keep(subscription=self.one(), key=self.key())

    def stop_collecting(self) -> None:
        self.update({"pause_collection": {"behavior": self.dice.choice(["void", "keep_as_draft"])}})

    def collect_again(self) -> None:
        self.update({"pause_collection": ""})

    def change_plan(self) -> None:
        (item,) = self.raw(self.one())["items"]["data"]
        price = self.shop.prices[self.dice.choice(["premium_monthly", "culture_monthly"])]
        self.update({"items": [{"id": item["id"], "price": price}]})

    def void(self) -> None:
        for invoice in self.shop.gateway.picture(self.customer.stripe_id).invoices:
            if invoice.status == "open":
                self.shop.stripe.v1.invoices.void_invoice(invoice.id)

    def delete(self) -> None:
        if self.dice.random() < 0.3:
            self.shop.gateway.delete_customer(customer=self.customer.stripe_id, key=self.key())

    def update(self, params: Any) -> None:
        try:
            self.shop.stripe.v1.subscriptions.update(self.one(), params)
        except Exception as refusal:
            raise StripeRefused(str(refusal)) from refusal

    def one(self) -> str:
        owned = [row["id"] for row in self.theirs() if not row["ended_at"]]
        if not owned:
            raise LookupError("no subscription")
        return str(self.dice.choice(owned))

    def raw(self, subscription: str) -> dict[str, Any]:
        return next(row for row in self.theirs() if row["id"] == subscription)

    def theirs(self) -> list[dict[str, Any]]:
        return list(self.shop.sandbox.world.store.all("subscription"))

    def key(self) -> str:
        return f"h-{self.dice.random()}"


CHANGES: list[Any] = [
    History.buy,
    History.buy,
    History.wait,
    History.wait,
    History.wait,
    History.wait,
    History.swap_card,
    History.swap_card,
    History.recover,
    History.cancel,
    History.cancel_by_date,
    History.cancel_now,
    History.keep,
    History.stop_collecting,
    History.collect_again,
    History.change_plan,
    History.void,
    History.delete,
]


def reconcile(history: History) -> None:
    """Do what the schedule does by night; which of the first nets holds is left to chance, the last one always does."""
    shop = history.shop
    # Leases of workers that died are over by now; nothing else has happened since.
    now = shop.now + Customer.LEASE
    if history.dice.random() < 0.5:
        reconciliation.replay(gateway=shop.gateway, now=now)
    comparison.advance(comparison.start(now=now), gateway=shop.gateway, now=now)


def difference(history: History) -> str:
    """Say where ours is not as the sandbox's; empty where it is equal."""
    theirs = {row["id"]: row for row in history.theirs()}
    ours = {row.stripe_id: row for row in Subscription.objects.filter(customer=history.customer)}
    if theirs.keys() != ours.keys():
        return f"subscriptions {sorted(ours)}, not {sorted(theirs)}"
    for name, row in theirs.items():
        if mirrored(ours[name]) != stated(row):
            return f"{name}: {mirrored(ours[name])}, not {stated(row)}"
    return access_difference(history) or open_product_difference(history)


def mirrored(ours: Subscription) -> tuple[Any, ...]:
    items = sorted((item.stripe_price, seconds(item.period_ends_at)) for item in ours.items.all())
    ends = (seconds(ours.cancel_at), ours.cancel_at_period_end, seconds(ours.ended_at))
    return (ours.status, items, *ends, ours.pause_behavior, ours.default_card)


def stated(theirs: dict[str, Any]) -> tuple[Any, ...]:
    items = sorted((item["price"], item["current_period_end"]) for item in theirs["items"]["data"])
    ends = (theirs["cancel_at"], theirs["cancel_at_period_end"], theirs["ended_at"])
    pause = (theirs["pause_collection"] or {}).get("behavior", "")
    return (theirs["status"], items, *ends, pause, theirs["default_payment_method"] or "")


def access_difference(history: History) -> str:
    reader = history.customer.reader
    assert reader is not None
    grants = entitlements.snapshot(reader, now=history.shop.now)
    for product in ("premium", "culture"):
        article = paywall.article_facts(products=(product,), published_at=datetime(2000, 1, 1, tzinfo=UTC))
        for later in (timedelta(), HOUR, 3 * DAY, 8 * DAY, 29 * DAY, 40 * DAY):
            moment = history.shop.now + later
            said = decide(paywall.facts(*grants, now=moment, article=article)).access == "full"
            expected = any(opens(history, row, product, int(moment.timestamp())) for row in history.theirs())
            if said is not expected:
                return f"{product} in {later}: {said}, not {expected}; {grants}"
    return ""


def opens(history: History, theirs: dict[str, Any], product: str, moment: int) -> bool:
    """The oracle: stripe.md 6.3 once more, told from the sandbox's raw objects."""
    unlocked = {
        history.shop.prices["premium_monthly"]: "premium",
        history.shop.prices["culture_monthly"]: "culture",
    }
    (item,) = theirs["items"]["data"]
    if unlocked[item["price"]] != product:
        return False
    end, slack = item["current_period_end"], settings.RENEWAL_SLACK.total_seconds()
    store = history.shop.sandbox.world.store
    bills = [row for row in store.all("invoice") if belongs(row, theirs)]
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


def belongs(invoice: dict[str, Any], theirs: dict[str, Any]) -> bool:
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    return bool(details.get("subscription") == theirs["id"])


def open_product_difference(history: History) -> str:
    unlocked = {
        history.shop.prices["premium_monthly"]: "premium",
        history.shop.prices["culture_monthly"]: "culture",
    }
    held: dict[str, str] = {}
    for row in sorted(history.theirs(), key=lambda row: (row["created"], row["id"])):
        if row["status"] not in {"canceled", "incomplete_expired"}:
            held.setdefault(unlocked[row["items"]["data"][0]["price"]], row["id"])
    rows = OpenProduct.objects.filter(reader=history.customer.reader).select_related("subscription")
    ours = {row.product: row.subscription.stripe_id for row in rows}
    return "" if ours == held else f"open products {ours}, not {held}"


def seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())


def outcome(seed: int, figures: Figures) -> str:
    """Live through one history and reconcile once; return what is not equal then."""
    shop = a_shop(seed=SANDBOX, refresh=False)
    history = History(seed, shop, shop.customer(), figures, random.Random(seed))
    history.told = len(list(shop.sandbox.world.store.all("event")))  # of the catalogue, which we know already
    history.run()
    figures.behind += bool(difference(history))
    reconcile(history)
    return difference(history)


@pytest.mark.django_db
def test_r1_every_history_ends_equal_after_one_reconcile(figure: Figure) -> None:
    first = int(os.environ.get("HISTORY_SEED", "1"))
    figures, began, unequal = Figures(), time.process_time(), []
    a_shop(seed=SANDBOX)
    for seed in range(first, first + HISTORIES):
        # Each history has a database of its own, as it has a sandbox.
        with transaction.atomic():
            if found := outcome(seed, figures):
                unequal.append(f"HISTORY_SEED={seed} HISTORIES=1: {found}")
            transaction.set_rollback(True)
    figure(
        "R1",
        f"{HISTORIES - len(unequal)} of {HISTORIES} histories equal after one reconcile ({figures.behind} were behind "
        f"before it); {figures.changes} changes, {figures.events} events, {figures.lost} lost, {figures.doubled} "
        f"doubled, {figures.looks} looks, {time.process_time() - began:.0f} s of CPU",
        target="all equal",
    )
    assert not unequal, "\n".join(unequal)
