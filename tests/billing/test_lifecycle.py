"""Every row of the access policy: subscription and invoices in, term out. No database."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from billing import lifecycle
from billing.lifecycle import Suspension, Term
from billing.snapshots import InvoiceSnapshot, Status, SubscriptionSnapshot
from tests.factories.billing import DAY, NOON, a_subscription, an_invoice, an_item

GRACE, SLACK = 7 * DAY, timedelta(hours=24)
BEGAN = NOON - 40 * DAY
END = NOON + 20 * DAY
DUE = NOON - 2 * DAY


def term(theirs: SubscriptionSnapshot, *invoices: InvoiceSnapshot, grace: timedelta = GRACE) -> Term | None:
    return lifecycle.term(theirs, invoices=invoices, past_due_grace=grace, renewal_slack=SLACK)


def facts(answer: Term | None) -> tuple[Any, ...] | None:
    return answer and (answer.paid_until, answer.grace_until, answer.after)


PAID = an_invoice(status="paid", amount_remaining=0, paid_at=NOON - 10 * DAY)
FAILED, CONFIRM, PAUSED = Suspension.PAYMENT_FAILED, Suspension.PAYMENT_ACTION_REQUIRED, Suspension.PAUSED

ROWS = [
    ("trialing", {"trial_ends_at": NOON + 3 * DAY}, (), (NOON + 3 * DAY, NOON + 4 * DAY, None)),
    (
        "trialing",
        {"trial_ends_at": NOON + 3 * DAY, "cancel_at": NOON + 3 * DAY},
        (),
        (NOON + 3 * DAY, None, None),
    ),
    ("active", {}, (PAID,), (END, END + SLACK, None)),
    ("active", {"cancel_at_period_end": True}, (PAID,), (END, None, None)),
    ("active", {"cancel_at": END}, (PAID,), (END, None, None)),
    ("active", {"cancel_at": NOON + DAY}, (PAID,), (NOON + DAY, None, None)),
    ("active", {"cancel_at": END + 60 * DAY}, (PAID,), (END, END + SLACK, None)),
    ("active", {"cancel_at": END + timedelta(hours=5)}, (PAID,), (END, END + timedelta(hours=5), None)),
    ("active", {"pause_behavior": "keep_as_draft"}, (PAID,), (END, END + SLACK, None)),
    ("active", {"pause_behavior": "mark_uncollectible"}, (PAID,), (END, END + SLACK, None)),
    (
        "active",
        {"pause_behavior": "keep_as_draft", "pause_resumes_at": END + 30 * DAY},
        (PAID,),
        (END + 30 * DAY, END + 30 * DAY + SLACK, None),
    ),
    ("active", {"pause_behavior": "void"}, (PAID,), (END, None, None)),
    ("active", {"pause_behavior": "void"}, (replace(PAID, status="void"),), (END, None, PAUSED)),
    ("past_due", {}, (an_invoice(),), (DUE, DUE + GRACE, FAILED)),
    ("past_due", {}, (an_invoice(needs_action=True),), (DUE, DUE + GRACE, CONFIRM)),
    ("past_due", {"cancel_at": NOON + DAY}, (an_invoice(),), (DUE, NOON + DAY, FAILED)),
    ("past_due", {}, (), (NOON - 10 * DAY, NOON - 3 * DAY, FAILED)),
    ("unpaid", {}, (an_invoice(),), (DUE, DUE, FAILED)),
    ("incomplete", {}, (an_invoice(),), (BEGAN, None, FAILED)),
    ("incomplete", {}, (an_invoice(needs_action=True),), (BEGAN, None, CONFIRM)),
    ("incomplete_expired", {}, (), None),
    ("canceled", {"ended_at": NOON - DAY}, (), (NOON - DAY, None, None)),
    ("canceled", {"ended_at": NOON - DAY, "items": ()}, (), (NOON - DAY, None, None)),
    ("canceled", {"ended_at": NOON}, (an_invoice(),), (DUE, NOON, None)),
    ("canceled", {"ended_at": NOON + 30 * DAY}, (an_invoice(),), (DUE, DUE + GRACE, None)),
    ("canceled", {"ended_at": NOON - 3 * DAY}, (an_invoice(),), (NOON - 3 * DAY, None, None)),
    ("canceled", {"ended_at": NOON}, (an_invoice(status="void"),), (NOON, None, None)),
    ("paused", {}, (PAID,), (None, None, PAUSED)),
    ("unknown", {}, (PAID,), None),
    ("active", {"items": ()}, (), None),
]


@pytest.mark.parametrize(("status", "fields", "invoices", "expected"), ROWS)
def test_what_a_subscription_is_worth(
    status: str,
    fields: dict[str, Any],
    invoices: tuple[InvoiceSnapshot, ...],
    expected: tuple[Any, ...] | None,
) -> None:
    assert facts(term(a_subscription(status=Status(status), **fields), *invoices)) == expected


def test_every_status_has_a_row() -> None:
    assert {row[0] for row in ROWS} == set(Status)


def test_grace_counts_from_the_oldest_open_attempted_invoice() -> None:
    older = an_invoice(id="in_0", finalized_at=NOON - 5 * DAY)
    untried = an_invoice(id="in_2", finalized_at=NOON - 9 * DAY, attempted=False)
    paid = an_invoice(id="in_3", finalized_at=NOON - 30 * DAY, status="paid")
    foreign = an_invoice(id="in_4", finalized_at=NOON - 30 * DAY, subscription="sub_2")
    answer = term(a_subscription(status=Status.PAST_DUE), an_invoice(), older, untried, paid, foreign)
    assert answer is not None
    assert (answer.paid_until, answer.unpaid) == (NOON - 5 * DAY, older)


def test_no_grace_by_setting_is_no_grace() -> None:
    answer = term(a_subscription(status=Status.PAST_DUE), an_invoice(), grace=timedelta())
    assert answer is not None
    assert answer.grace_until == answer.paid_until


def test_items_with_periods_of_their_own_are_paid_until_the_last_of_them() -> None:
    items = (an_item(), an_item(id="si_2", period_ends_at=END + 300 * DAY))
    answer = term(a_subscription(items=items))
    assert answer is not None
    assert answer.paid_until == END + 300 * DAY


def test_a_void_pause_says_when_it_resumes() -> None:
    theirs = a_subscription(pause_behavior="void", pause_resumes_at=END)
    answer = term(theirs, an_invoice(status="void"))
    assert answer is not None
    assert answer.resumes_at == END


@pytest.mark.parametrize("status", list(Status))
def test_a_term_never_ends_before_it_starts(status: Status) -> None:
    backdated = a_subscription(status=status, starts_at=NOON + DAY, ended_at=NOON, trial_ends_at=NOON)
    answer = term(backdated, an_invoice())
    if answer is not None:
        assert answer.paid_until is None or answer.paid_until >= answer.starts_at
        assert answer.grace_until is None or answer.grace_until >= (answer.paid_until or answer.starts_at)


@pytest.mark.parametrize("status", ["active", "trialing", "paused", "canceled", "incomplete"])
def test_only_a_payment_that_is_owed_has_a_date(status: str) -> None:
    assert lifecycle.past_due_since(a_subscription(status=Status(status)), [an_invoice()]) is None
