"""What a year came to, told from the sandbox's own objects at each midnight, and from its own events.

Nothing of ours is used. A subscription is read by its contract: its status, its prices, its period. Our books read
invoices, long afterwards: that both agree is the proof.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

Obj = dict[str, Any]
Told = Counter[tuple[date, str, str]]  # by day, currency and figure
Invoices = Mapping[str, Mapping[str, Obj]]  # of each subscription, by id, oldest first

_ENDED = frozenset({"canceled", "incomplete_expired"})
_AN_HOUR = 3600


def read(day: date, subscriptions: Iterable[Obj], invoices: Invoices, prices: Mapping[str, Obj]) -> Told:
    """Return how things stand at the end of a day: MRR, and how many are active, paused and in trial."""
    told: Told = Counter()
    for row in subscriptions:
        currency = row["currency"]
        bills = list(invoices.get(row["id"], {}).values())
        if row["status"] == "trialing":
            told[day, currency, "trial"] += 1
        elif row["status"] not in _ENDED and any(_is_first_payment(row, bill) for bill in bills):
            opening = _opening(row, bills)
            is_billed = opening is not None and _is_good(opening)
            told[day, currency, "active" if is_billed else "paused"] += 1
            if opening is not None and is_billed:
                told[day, currency, "mrr"] += _worth(row, opening, prices)
    return told


def _is_first_payment(row: Obj, bill: Obj) -> bool:
    is_of_trial = row["trial_end"] is not None and bill["billing_reason"] == "subscription_create"
    # A change alone may be credit for what nobody paid; with a period it is billed, or nothing begins.
    is_of_period = any(line["parent"]["subscription_item_details"] for line in bill["lines"]["data"])
    return bill["status"] == "paid" and is_of_period and not is_of_trial


def _opening(row: Obj, bills: list[Obj]) -> Obj | None:
    """Return the invoice that the running period was billed by; of a change that restarts it, the last."""
    start = row["items"]["data"][0]["current_period_start"]
    found = [
        bill
        for bill in bills
        if any(
            line["parent"]["subscription_item_details"] and line["period"]["start"] == start
            for line in bill["lines"]["data"]
        )
    ]
    return found[-1] if found else None


def _is_good(bill: Obj) -> bool:
    return bill["status"] in {"open", "paid"} or (bill["status"] == "draft" and bool(bill["auto_advance"]))


def _worth(row: Obj, opening: Obj, prices: Mapping[str, Obj]) -> int:
    items = [(_price(item, prices), item["quantity"]) for item in row["items"]["data"]]
    amount = sum(price["unit_amount"] * quantity for price, quantity in items)
    amount -= sum(taken["amount"] for taken in opening["total_discount_amounts"])
    if items[0][0]["recurring"]["interval"] == "month":
        return int(amount)
    return (amount + 6) // 12  # a year: halves up


def _price(item: Obj, prices: Mapping[str, Obj]) -> Obj:
    price = item["price"]
    return prices[price] if isinstance(price, str) else price


@dataclass(slots=True)
class Ledger:
    """Kept at the sandbox: read at every midnight, and told of every event, none of which is lost here."""

    prices: Mapping[str, Obj]
    told: Told = field(default_factory=Counter)
    began: dict[str, int] = field(default_factory=dict)  # the first payment of each subscription
    ended: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))  # by customer
    over: set[str] = field(default_factory=set)
    failed: dict[str, int] = field(default_factory=dict)

    def hear(self, event: Obj) -> None:
        """Take an event into the books."""
        about = event["data"]["object"]
        match event["type"]:
            case "customer.subscription.deleted":
                self._end(event, about)
            case "invoice.payment_failed" if about["billing_reason"] == "subscription_cycle":
                self.failed.setdefault(about["id"], event["created"])
            case "invoice.paid":
                self._begin(event, about)
                self._recover(event, about)
            case "charge.succeeded":
                self._count(event, about["currency"], "paid", about["amount"])

    def _begin(self, event: Obj, bill: Obj) -> None:
        name = bill["parent"]["subscription_details"]["subscription"]
        lines = [line for line in bill["lines"]["data"] if line["parent"]["subscription_item_details"]]
        # In a trial nothing is billed; a subscription that costs something begins with what bills it.
        is_trial = all(line["amount"] == 0 for line in lines)
        if name in self.began or name in self.over or is_trial:
            return
        self.began[name] = event["created"]
        is_back = bool(self.ended.get(bill["customer"]))
        self._count(event, bill["currency"], "returned" if is_back else "new")

    def _end(self, event: Obj, row: Obj) -> None:
        self.over.add(row["id"])
        if row["id"] not in self.began:
            return
        self.ended[row["customer"]].append(event["created"])
        is_wish = row["cancellation_details"]["reason"] == "cancellation_requested"
        self._count(event, row["currency"], "churned_voluntary" if is_wish else "churned_involuntary")

    def _recover(self, event: Obj, bill: Obj) -> None:
        failed = self.failed.get(bill["id"])
        if failed is not None and event["created"] > failed + _AN_HOUR:
            self._count(event, bill["currency"], "recovered")
            self._count(event, bill["currency"], "recovered_amount", bill["amount_paid"])

    def _count(self, event: Obj, currency: str, figure: str, amount: int = 1) -> None:
        self.told[datetime.fromtimestamp(event["created"], UTC).date(), currency, figure] += amount


@dataclass(slots=True)
class Believer:
    """The strawman: it believes what events say, and reads the same way as the ledger from what it heard."""

    told: Told = field(default_factory=Counter)
    subscriptions: dict[str, Obj] = field(default_factory=dict)
    invoices: dict[str, dict[str, Obj]] = field(default_factory=lambda: defaultdict(dict))

    def hear(self, event: Obj) -> None:
        """Keep the body of an event as it arrives."""
        about = event["data"]["object"]
        if about["object"] == "subscription":
            self.subscriptions[about["id"]] = about
        elif about["object"] == "invoice" and event["type"] != "invoice.upcoming":
            self.invoices[about["parent"]["subscription_details"]["subscription"]][about["id"]] = about
