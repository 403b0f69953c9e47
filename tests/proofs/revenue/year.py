"""A year of sales at the sandbox, from a seed; our side as in life: news with losses, a comparison each night."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import stripe
from django.db import transaction

from billing import comparison, inbox, leftovers, reconciliation, snapshots, sync
from billing.gateway import Delivery
from billing.models import Customer, Invoice, Subscription
from tests.factories.billing import FAILS_LATER, GOOD, Shop, a_shop
from tests.proofs.revenue import ledger
from tests.proofs.revenue.ledger import Believer, Ledger, Obj

LOST, DOUBLED, LATE = 0.05, 0.1, 0.2
_DAY = 24 * 3600
# In minor units a month: by name, currency, interval.
_ON_SALE = tuple(
    (f"{plan}_{interval}ly_{currency}", currency, interval, amount * (10 if interval == "year" else 1) + odd)
    for currency, factor in (("eur", 1.0), ("usd", 1.13), ("jpy", 1.6))
    for plan, base in (("basic", 790), ("gold", 1490))
    for interval, odd in (("month", 0), ("year", 7))
    for amount in (int(base * factor),)
)
_COUPONS: tuple[Any, ...] = (
    {"percent_off": 25.0, "duration": "forever"},
    {"percent_off": 50.0, "duration": "once"},
    {"percent_off": 33.0, "duration": "repeating", "duration_in_months": 3},
)


@dataclass(frozen=True, slots=True)
class Buyer:
    """A reader who buys in one currency."""

    customer: str  # Stripe's id
    currency: str


@dataclass
class Year:
    """So many readers for so many days. `pace` is how many moves a reader makes in a day."""

    seed: int
    readers: int
    days: int
    pace: float
    figures: Counter[str] = field(default_factory=Counter)
    late: list[Delivery] = field(default_factory=list)
    told: int = 0

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.shop: Shop = a_shop(seed=f"year {self.seed}")
        self.store = self.shop.sandbox.world.store
        self._put_on_sale()
        self.buyers = [self._new_buyer() for _ in range(self.readers)]
        self.held: dict[str, list[Obj]] = defaultdict(list)  # subscriptions, by customer
        self.bills: dict[str, dict[str, Obj]] = defaultdict(dict)  # invoices, by subscription
        self._seen = Counter[str]()
        self.ledger = Ledger(prices=self.store.kinds["price"])
        self.believer, self.control = Believer(), Believer()
        self._to_midnight()
        self.first = self._now.date()
        self.told = len(self.store.kinds["event"])

    @property
    def last(self) -> date:
        """The last day of it."""
        return self.first + timedelta(days=self.days - 1)

    @property
    def _now(self) -> datetime:
        return self.shop.now

    @property
    def _stripe(self) -> stripe.StripeClient:
        return self.shop.stripe

    def go_by(self) -> None:
        """Let it go by: for a week in the middle nobody of ours is there, and later a day is lost with its database."""
        away = range(self.days // 2, self.days // 2 + 7)
        lost = self.days * 3 // 4
        for number in range(self.days):
            is_here = number not in away
            backup = transaction.savepoint() if number == lost else None
            self._day(number, is_here=is_here)
            if backup is not None:
                transaction.savepoint_rollback(backup)
        self._pass(3 * 3600)
        self._compare()
        reconciliation.sweep_stale(now=self._now)
        self._work()

    def look_once_more_at_everything(self) -> None:
        """Forget all that our mirror says, and take one look, a year late."""
        Invoice.objects.all().delete()
        Subscription.objects.all().delete()
        for customer in Customer.objects.all():
            sync.request([customer.pk], now=self._now)
            sync.customer(customer.pk, gateway=self.shop.gateway, now=self._now)

    def _day(self, number: int, *, is_here: bool) -> None:
        midnight = self.shop.sandbox.now()
        self._pass(3 * 3600)
        if is_here and number:
            self._compare()
        for minute in sorted(self.dice.sample(range(4 * 60, 24 * 60), 3)):
            self.shop.sandbox.advance(to=midnight + minute * 60)
            for buyer in self.buyers:
                if self.dice.random() < self.pace / 3:
                    self._live(buyer)
            self._bring_news(is_here=is_here)
        self.shop.sandbox.advance(to=midnight + _DAY)
        self._bring_news(is_here=is_here)
        self._take_readings(self.first + timedelta(days=number))

    def _pass(self, seconds: float) -> None:
        self.shop.sandbox.advance(seconds=seconds)

    def _to_midnight(self) -> None:
        self.shop.sandbox.advance(to=(self.shop.sandbox.now() // _DAY + 1) * _DAY)

    # What is there

    def _put_on_sale(self) -> None:
        plans = {
            plan: self._stripe.v1.products.create({"name": plan, "metadata": {"unlocks": "premium"}}).id
            for plan in ("basic", "gold")
        }
        for slug, currency, interval, amount in _ON_SALE:
            params: Any = {
                "product": plans[slug.partition("_")[0]], "currency": currency, "unit_amount": amount,
                "lookup_key": slug, "recurring": {"interval": interval},
            }  # fmt: skip
            self.shop.prices[slug] = self._stripe.v1.prices.create(params).id
        self.coupons = [self._stripe.v1.coupons.create(params).id for params in _COUPONS]

    def _new_buyer(self) -> Buyer:
        return Buyer(self.shop.customer().stripe_id, self.dice.choice(("eur", "eur", "eur", "usd", "jpy")))

    def _price(self, currency: str) -> str:
        return self.shop.prices[self.dice.choice([slug for slug, *_ in _ON_SALE if slug.endswith(currency)])]

    def _take_readings(self, day: date) -> None:
        self._find_what_is_new()
        prices = self.store.kinds["price"]
        self.ledger.told += ledger.read(day, self.store.all("subscription"), self.bills, prices)
        for one in (self.believer, self.control):
            one.told += ledger.read(day, one.subscriptions.values(), one.invoices, prices)

    def _find_what_is_new(self) -> None:
        for row in self._fresh("subscription"):
            self.held[row["customer"]].append(row)
        for bill in self._fresh("invoice"):
            self.bills[bill["parent"]["subscription_details"]["subscription"]][bill["id"]] = bill

    def _fresh(self, kind: str) -> list[Obj]:
        rows = list(self.store.kinds.get(kind, {}).values())[self._seen[kind] :]
        self._seen[kind] += len(rows)
        return rows

    # Our side

    def _bring_news(self, *, is_here: bool) -> None:
        """Bring what happened: some of it late, some twice, some never; while nobody is here, all of it never."""
        events = list(self.store.kinds["event"].values())[self.told :]
        self.told += len(events)
        for event in events:
            self.ledger.hear(event)
            self.control.hear(event)
        self.figures["events"] += len(events)
        arriving = [each for each in events if is_here and self.dice.random() >= LOST]
        self.figures["lost"] += len(events) - len(arriving)
        for event in arriving:
            self.believer.hear(event)
            twice = 1 + (self.dice.random() < DOUBLED)
            self.late += [Delivery(event=snapshots.event(event), payload={"id": event["id"]})] * twice
        self.dice.shuffle(self.late)
        kept = int(len(self.late) * LATE)
        arrived, self.late = self.late[kept:], self.late[:kept]
        if is_here:
            inbox.receive_missed(arrived, now=self._now)
            self._work()

    def _work(self) -> None:
        while due := inbox.due_ids(now=self._now, limit=200):
            for event in due:
                inbox.process(event, gateway=self.shop.gateway, now=self._now)
        for customer in sync.waiting_ids(now=self._now, limit=1000):
            self.figures["looks"] += 1
            leftovers.look(customer, gateway=self.shop.gateway, now=self._now)

    def _compare(self) -> None:
        now = self._now
        run = comparison.advance(comparison.start(now=now), gateway=self.shop.gateway, now=now)
        self.figures["repaired"] += run.repaired

    # What readers and staff do at Stripe

    def _live(self, buyer: Buyer) -> None:
        self._find_what_is_new()
        row = next((row for row in self.held[buyer.customer] if not row["ended_at"]), None)
        try:
            self._move(row)(buyer, row or {})
            self.figures["moves"] += 1
        except (stripe.StripeError, LookupError):
            self.figures["refused"] += 1

    def _move(self, row: Obj | None) -> Callable[[Buyer, Obj], None]:
        if row is None:
            return self.dice.choice([self._buy, self._buy, self._try, self._pay_what_is_open])
        match row["status"]:
            case "incomplete" | "past_due":
                moves = [self._pay_what_is_open] * 3 + [self._nothing] * 3 + [self._cancel_now, self._void]
            case "trialing":
                moves = [self._nothing] * 4 + [self._cancel_now, self._break_card, self._change]
            case _:
                moves = (
                    [self._break_card] * 4
                    + [self._change] * 4
                    + [self._cancel] * 3
                    + [self._collect] * 2
                    + [self._keep, self._cancel_now, self._seats, self._stop_collecting, self._refund]
                    + ([self._delete] if self.dice.random() < 0.1 else [])
                )
        return self.dice.choice(moves)

    def _nothing(self, _buyer: Buyer, _row: Obj) -> None:
        """Leave all as it is."""

    def _buy(self, buyer: Buyer, _row: Obj, *, card: str = GOOD) -> None:
        params: Any = {
            "customer": buyer.customer,
            "items": [{"price": self._price(buyer.currency), "quantity": self.dice.choice([1] * 9 + [2])}],
            "default_payment_method": self.shop.sandbox.swap_card(buyer.customer, card=card),
        }
        if self.dice.random() < 0.3:
            params["trial_period_days"] = self.dice.choice([7, 14, 30])
        if self.dice.random() < 0.3:
            params["discounts"] = [{"coupon": self.dice.choice(self.coupons)}]
        self._stripe.v1.subscriptions.create(params)

    def _try(self, buyer: Buyer, row: Obj) -> None:
        """Buy with a card that is refused: it stays incomplete, or the trial ends unpaid."""
        self._buy(buyer, row, card=FAILS_LATER)

    def _break_card(self, buyer: Buyer, _row: Obj) -> None:
        self.shop.sandbox.swap_card(buyer.customer, card=FAILS_LATER)

    def _pay_what_is_open(self, buyer: Buyer, _row: Obj) -> None:
        card = self.shop.sandbox.swap_card(buyer.customer, card=GOOD)
        for bill in self._open(buyer):
            self._stripe.v1.invoices.pay(bill["id"], {"payment_method": card})

    def _void(self, buyer: Buyer, _row: Obj) -> None:
        for bill in self._open(buyer):
            self._stripe.v1.invoices.void_invoice(bill["id"])

    def _open(self, buyer: Buyer) -> list[Obj]:
        return [
            bill
            for row in self.held[buyer.customer]
            for bill in self.bills[row["id"]].values()
            if bill["status"] == "open"
        ]

    def _change(self, buyer: Buyer, row: Obj) -> None:
        self._update(row, {"price": self._price(buyer.currency)})

    def _seats(self, _buyer: Buyer, row: Obj) -> None:
        self._update(row, {"quantity": self.dice.choice([1, 2, 5])})

    def _update(self, row: Obj, wanted: Obj) -> None:
        """Change what is bought, at once and only if it is paid; not where a twelfth of a discount would be shared."""
        (item,) = row["items"]["data"]
        is_discounted = any(bill["total_discount_amounts"] for bill in self.bills[row["id"]].values())
        if row["pause_collection"] or is_discounted or wanted.get("price") == item["price"]:
            raise LookupError("nothing to change")
        params: Any = {
            "items": [{"id": item["id"], **wanted}],
            "proration_behavior": "always_invoice",
            "payment_behavior": "pending_if_incomplete",
        }
        self._stripe.v1.subscriptions.update(row["id"], params)

    def _cancel(self, _buyer: Buyer, row: Obj) -> None:
        self._stripe.v1.subscriptions.update(row["id"], {"cancel_at_period_end": True})

    def _keep(self, _buyer: Buyer, row: Obj) -> None:
        self._stripe.v1.subscriptions.update(row["id"], {"cancel_at_period_end": False})

    def _cancel_now(self, _buyer: Buyer, row: Obj) -> None:
        self._stripe.v1.subscriptions.cancel(row["id"])

    def _stop_collecting(self, _buyer: Buyer, row: Obj) -> None:
        how: Any = self.dice.choice(["void", "keep_as_draft", "mark_uncollectible"])
        self._stripe.v1.subscriptions.update(row["id"], {"pause_collection": {"behavior": how}})

    def _collect(self, _buyer: Buyer, row: Obj) -> None:
        if not row["pause_collection"]:
            raise LookupError("nothing to resume")
        self._stripe.v1.subscriptions.update(row["id"], {"pause_collection": ""})

    def _refund(self, buyer: Buyer, _row: Obj) -> None:
        for charge in self.store.all("charge"):
            if (
                charge["customer"] == buyer.customer
                and charge["status"] == "succeeded"
                and not charge["refunded"]
            ):
                self._stripe.v1.refunds.create({"charge": charge["id"]})
                return

    def _delete(self, buyer: Buyer, _row: Obj) -> None:
        self._stripe.v1.customers.delete(buyer.customer)
        self.buyers.remove(buyer)
