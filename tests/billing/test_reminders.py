"""The daily round of reminders: everybody once a day, however few of them fit into one task."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts.models import Mail
from billing import deadline, reminders, tasks
from billing.models import Customer
from tests.billing.market import Market
from tests.factories.accounts import a_reader
from tests.factories.billing import DAY


@pytest.fixture
def customers(market: Market) -> list[int]:
    """Readers whose yearly renewal is ten days away."""
    for _number in range(3):
        market.buy(a_reader(), "premium_yearly")
    market.sandbox.advance(seconds=355 * 24 * 3600)
    return list(Customer.objects.order_by("pk").values_list("pk", flat=True))


def told() -> int:
    return Mail.objects.filter(kind="renewal_upcoming").count()


def test_everybody_is_due_once_a_day_in_order(market: Market, customers: list[int]) -> None:
    morning = market.now.replace(hour=10)
    for customer in customers:
        assert reminders.due(now=morning, limit=1) == [customer]
        reminders.pass_by(customer)
    assert reminders.due(now=morning + timedelta(hours=22), limit=9) == []
    assert reminders.due(now=morning + DAY, limit=9) == customers


def test_what_does_not_fit_into_one_task_is_gone_on_with(market: Market, customers: list[int]) -> None:
    reminders.due(now=market.now, limit=1)
    reminders.pass_by(customers[0])
    with deadline.within(1):  # which is enough for nobody
        tasks.remind_readers()
    assert told() == 0
    tasks.remind_readers()
    assert told() == 2
    market.sandbox.advance(seconds=24 * 3600)
    tasks.remind_readers()
    assert told() == 3
