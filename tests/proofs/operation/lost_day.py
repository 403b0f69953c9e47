"""A process that lives through a day which a restored backup then forgets, recovers, and judges what came of it.

Told by lines on its input: `live`, (a backup is taken,) `lose`, (it is restored,) `recover`. It answers each by a line.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.db import connections

from accounts import clock, closing
from accounts.models import User
from billing import comparison, gateway
from billing.models import Customer
from billing.tasks import replay_events
from tests.proofs.ledger import oracle, ours
from tests.proofs.ledger.oracle import Truth
from tests.proofs.ledger.theirs import Obj, Theirs
from tests.proofs.operation import operator_page

HOUR = 3600
_FAILING_CARD = "4000000000000341"
_FIRST_AFTER = "python3 manage.py migrate"  # of the page's lines, which then go on to the end of the section


class Person:
    """A reader. What happens to them in the lost day their fate says."""

    def __init__(self, fate: str, number: int, theirs: Theirs) -> None:
        self.fate, self.theirs = fate, theirs
        self.account = ours.new_account(f"{fate.replace(' ', '-')}-{number}")
        self.public_id = self.account.public_id
        self.reader = ours.Reader(self.account)
        self.session = ""

    @property
    def stripe_id(self) -> str:
        """Who they are at Stripe."""
        return Customer.objects.get(reader=self.account, deleted_at=None).stripe_id

    @property
    def subscription(self) -> Obj:
        """What they bought last, as Stripe has it."""
        return next(self.theirs.listed("subscriptions", customer=self.stripe_id, status="all"))

    def buy(self, price: str = "premium_monthly") -> None:
        """Subscribe as a reader does."""
        self.session = self.reader.checkout(price)
        self.pay()

    def pay(self) -> None:
        """Fill in the page that is open, and come back."""
        self.theirs.control(f"checkout/{self.session}/complete")
        address = self.theirs.get(f"checkout/sessions/{self.session}")["success_url"]
        assert self.reader.come_back(address, self.session) == ours.BACK

    def replace_card(self) -> None:
        """Store a card that works, which pays what is open."""
        self.session = self.reader.card_form()
        self.pay()

    def have_bad_card(self) -> None:
        """Have a card that the next charge fails with."""
        self.theirs.control("card", customer=self.stripe_id, card=_FAILING_CARD)

    def switch_plan(self) -> None:
        """Be given another plan by staff, in Stripe's dashboard."""
        theirs = self.subscription
        items = {
            "items[0][id]": theirs["items"]["data"][0]["id"],
            "items[0][price]": self.theirs.prices["culture_monthly"],
        }
        self.theirs.make(f"subscriptions/{theirs['id']}", **items)


_Act = Callable[[Person], object]


def _cancel(person: Person) -> None:
    person.reader.click("subscription/cancel")


def _resume(person: Person) -> None:
    person.reader.click("subscription/resume")


def _open_checkout(person: Person) -> None:
    person.session = person.reader.checkout()


def _buy_a_year(person: Person) -> None:
    person.buy("premium_yearly")


def _close(person: Person) -> None:
    closing.close(person.account, now=clock.now())


@dataclass(frozen=True, slots=True)
class Fate:
    """What one kind of reader does: long before the backup, then on the lost day, before and after the renewals."""

    name: str
    long_before: tuple[_Act, ...] = (Person.buy,)
    just_before: tuple[_Act, ...] = ()
    morning: tuple[_Act, ...] = ()
    evening: tuple[_Act, ...] = ()
    is_new: bool = False  # signs up on the lost day


FATES = (
    Fate("renews"),
    Fate("keeps a year", (_buy_a_year,)),
    Fate("fails to pay", (Person.buy, Person.have_bad_card)),
    Fate("pays with a new card", (Person.buy, Person.have_bad_card), evening=(Person.replace_card,)),
    Fate("fails and ends it", (Person.buy, Person.have_bad_card), evening=(_cancel,)),
    Fate("cancels and it ends", morning=(_cancel,)),
    Fate("had cancelled and it ends", (Person.buy, _cancel)),
    Fate("resumes", (Person.buy, _cancel), morning=(_resume,)),
    Fate("cancels for later", evening=(_cancel,)),
    Fate("is given another plan", evening=(Person.switch_plan,)),
    Fate("pays an open checkout", (), (_open_checkout,), (Person.pay,)),
    Fate("was just told something", (), (Person.buy,)),
    Fate("buys", (), morning=(Person.buy,)),
    Fate("closes the account", evening=(_close,)),
    Fate("signs up and buys", (), morning=(Person.buy,), is_new=True),
    Fate("signs up and does not buy", (), is_new=True),
)


@dataclass
class LostDay:
    """The whole story."""

    theirs: Theirs
    each: int
    people: list[tuple[Fate, Person]] = field(default_factory=list)
    last_event: str = ""
    arrived: list[Counter[str]] = field(default_factory=list)  # mails: before the backup, on the day, since

    def live(self) -> dict[str, Any]:
        """Live for a month, up to twelve hours before everybody's renewal."""
        self._admit(new=False)
        self._let("long_before")
        self._hear()
        first_end = min(
            item["current_period_end"]
            for row in self.theirs.listed("subscriptions", status="all")
            for item in row["items"]["data"]
        )
        self.theirs.pass_time(to=first_end - 12 * HOUR)
        self._hear()
        self._note_mails()
        self._let("just_before")
        # Somebody has begun to compare everything, and is past the newest.
        comparison.advance(
            comparison.start(now=clock.now()), gateway=gateway.default(), now=clock.now(), seconds=0, page=2
        )
        return {}

    def lose(self) -> dict[str, Any]:
        """Live for another day and more, of which the backup will not know."""
        self._admit(new=True)
        self._let("morning")
        self._hear()
        self.theirs.pass_time(seconds=15 * HOUR)
        self._hear()
        self._let("evening")
        self._hear()
        self.theirs.pass_time(seconds=11 * HOUR)
        self._hear()
        self._note_mails()
        self.charges = self._charges()
        return {}

    def recover(self) -> dict[str, Any]:
        """Do what the page says, let workers work, and judge."""
        behind = len(self._differences())
        lines = operator_page.commands()
        said = {line: operator_page.typed(line) for line in lines[lines.index(_FIRST_AFTER) :]}
        for _turn in range(4):  # events about customers who are nobody's come back for an hour and a half
            ours.work(self.theirs)
            self.theirs.pass_time(seconds=HOUR)
        again, _code = operator_page.typed("python3 manage.py reconcile --anew")
        self._note_mails()
        before, day, since = self.arrived
        return {
            "people": len(self.people),
            "behind": behind,
            "said": {line: text for line, (text, _code) in said.items()},
            "codes": sorted({code for _text, code in said.values()}),
            "again": next(line for line in again.splitlines() if "subscriptions proven equal" in line),
            "unfinished": ours.unfinished(),
            "different": self._differences(),
            "buys_twice": self._buying_twice(),
            "charged": self._charges() - self.charges,
            "old_mails_again": sum((before & since).values()),
            "mails_of_the_day": sum(day.values()),
            "mails_of_the_day_again": sum((day & since).values()),
            "sent_twice_since": sum(count > 1 for count in since.values()),
            "new_mails": sum((since - day).values()),
        }

    def _admit(self, *, new: bool) -> None:
        for fate in FATES:
            if fate.is_new is new:
                self.people += [(fate, Person(fate.name, number, self.theirs)) for number in range(self.each)]

    def _let(self, when: str) -> None:
        for fate, person in self.people:
            for act in getattr(fate, when):
                act(person)

    def _hear(self) -> None:
        """Let Stripe deliver all its news, and workers do their work."""
        news = []
        for event in self.theirs.listed("events"):
            if event["id"] == self.last_event:
                break
            news.append(event)
        if news:
            self.last_event = news[0]["id"]
        for event in reversed(news):
            ours.deliver(event)
        replay_events()  # as the schedule does, so that we know how far we have heard everything
        ours.work(self.theirs)

    def _note_mails(self) -> None:
        self.arrived.append(ours.sent_mails())

    def _charges(self) -> int:
        return sum(row["status"] == "succeeded" for row in self.theirs.listed("charges"))

    def _differences(self) -> list[str]:
        """Hold everybody against Stripe."""
        subscriptions = list(self.theirs.listed("subscriptions", status="all"))
        invoices = list(self.theirs.listed("invoices"))
        found = []
        for fate, person in self.people:
            mine = [row for row in subscriptions if row["metadata"].get("reader_id") == person.public_id]
            owed = [row for row in invoices if row["customer"] in {one["customer"] for one in mine}]
            truth = Truth(tuple(mine), tuple(owed), self.theirs.unlocked)
            if unequal := _difference(person, truth):
                found.append(f"{fate.name}: {unequal}")
        return found

    def _buying_twice(self) -> list[str]:
        """Let everybody who pays click on subscribe once more; name those who may."""
        return [
            fate.name
            for fate, person in self.people
            if (account := User.objects.filter(public_id=person.public_id).first()) is not None
            and account.open_products.exists()
            and ours.Reader(account).tries("checkout", price="premium_monthly", return_url=ours.BACK) != 409
            and account.open_products.filter(product="premium").exists()
        ]


def _difference(person: Person, truth: Truth) -> str:
    account = User.objects.filter(public_id=person.public_id).first()
    if account is None:
        return f"unknown here, with {len(truth.subscriptions)} subscriptions" if truth.subscriptions else ""
    customer = Customer.objects.filter(reader=account).first()
    if customer is None:
        return f"no customer, with {len(truth.subscriptions)} subscriptions" if truth.subscriptions else ""
    return oracle.difference(account, truth, now=clock.now()) or oracle.invoice_difference(customer, truth)


def main(*, each: int) -> None:
    """Do what the lines of the input say."""
    settings.DEBUG = (
        False  # as in production and in every test; the stand-in only allowed it to be started so
    )
    theirs = Theirs(settings.STRIPE_API_BASE, settings.STRIPE_SECRET_KEY)
    theirs.learn_prices()
    ours.open_doors()
    day = LostDay(theirs, each)
    stages = {"live": day.live, "lose": day.lose, "recover": day.recover}
    for line in sys.stdin:
        answer = stages[line.strip()]()
        connections.close_all()  # so that the database may be taken away meanwhile
        print(json.dumps(answer), flush=True)  # noqa: T201  what the proof reads
