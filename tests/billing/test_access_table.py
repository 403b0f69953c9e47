"""One table of access: status x card x time -> what the wall says. From Stripe's facts to the paywall's reason."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from billing import sync
from billing.snapshots import Status
from paywall.decision.policy import decide
from paywall.decision.reasons import Access, Reason
from tests.factories import paywall
from tests.factories.billing import DAY, NOON, a_picture, a_subscription, an_invoice

END = NOON + 20 * DAY
DUE = NOON - 2 * DAY
GRACE_OVER = DUE + 7 * DAY
MOMENT = timedelta(seconds=1)

# Which card state an invoice tells of: one that works, one that is refused, one whose bank wants a confirmation.
GOOD = (an_invoice(status="paid", failure_code=""),)
REFUSED = (an_invoice(),)
CONFIRM = (an_invoice(failure_code="authentication_required", needs_action=True),)

TABLE: list[tuple[str, dict[str, Any], Any, list[tuple[datetime, Reason]]]] = [
    (
        "trialing",
        {"trial_ends_at": END},
        GOOD,
        [
            (NOON, Reason.ENTITLED),
            (END - MOMENT, Reason.ENTITLED),
            (END, Reason.GRACE_PERIOD),
            (END + DAY, Reason.SUBSCRIPTION_ENDED),
        ],
    ),
    (
        "active",
        {},
        GOOD,
        [
            (NOON - 41 * DAY, Reason.SUBSCRIPTION_REQUIRED),
            (NOON, Reason.ENTITLED),
            (END - MOMENT, Reason.ENTITLED),
            (END, Reason.GRACE_PERIOD),
            (END + DAY - MOMENT, Reason.GRACE_PERIOD),
            (END + DAY, Reason.SUBSCRIPTION_ENDED),
        ],
    ),
    (
        "active",
        {"cancel_at_period_end": True, "cancel_at": END},
        GOOD,
        [(NOON, Reason.ENTITLED), (END - MOMENT, Reason.ENTITLED), (END, Reason.SUBSCRIPTION_ENDED)],
    ),
    ("active", {"pause_behavior": "keep_as_draft"}, GOOD, [(NOON, Reason.ENTITLED)]),
    ("active", {"pause_behavior": "void"}, GOOD, [(NOON, Reason.ENTITLED)]),
    (
        "active",
        {"pause_behavior": "void"},
        (an_invoice(status="void"),),
        [(NOON, Reason.SUBSCRIPTION_PAUSED)],
    ),
    (
        "past_due",
        {},
        REFUSED,
        [
            (DUE - MOMENT, Reason.ENTITLED),
            (DUE, Reason.GRACE_PERIOD),
            (GRACE_OVER - MOMENT, Reason.GRACE_PERIOD),
            (GRACE_OVER, Reason.PAYMENT_FAILED),
            (NOON + 400 * DAY, Reason.PAYMENT_FAILED),
        ],
    ),
    (
        "past_due",
        {},
        CONFIRM,
        [
            (NOON, Reason.GRACE_PERIOD),
            (GRACE_OVER - MOMENT, Reason.GRACE_PERIOD),
            (GRACE_OVER, Reason.PAYMENT_ACTION_REQUIRED),
        ],
    ),
    ("unpaid", {}, REFUSED, [(NOON, Reason.PAYMENT_FAILED), (NOON + 400 * DAY, Reason.PAYMENT_FAILED)]),
    ("unpaid", {}, CONFIRM, [(NOON, Reason.PAYMENT_ACTION_REQUIRED)]),
    ("incomplete", {}, REFUSED, [(NOON, Reason.PAYMENT_FAILED)]),
    ("incomplete", {}, CONFIRM, [(NOON, Reason.PAYMENT_ACTION_REQUIRED)]),
    ("incomplete_expired", {}, REFUSED, [(NOON, Reason.SUBSCRIPTION_REQUIRED)]),
    (
        "canceled",
        {"ended_at": NOON},
        GOOD,
        [(NOON - MOMENT, Reason.ENTITLED), (NOON, Reason.SUBSCRIPTION_ENDED)],
    ),
    ("canceled", {"ended_at": NOON}, REFUSED, [(NOON, Reason.SUBSCRIPTION_ENDED)]),
    (
        "paused",
        {},
        GOOD,
        [(NOON, Reason.SUBSCRIPTION_PAUSED), (NOON + 400 * DAY, Reason.SUBSCRIPTION_PAUSED)],
    ),
    ("unknown", {}, GOOD, [(NOON, Reason.SUBSCRIPTION_REQUIRED)]),
]


@pytest.mark.parametrize(("status", "fields", "invoices", "answers"), TABLE)
def test_what_the_wall_says(
    status: str, fields: dict[str, Any], invoices: Any, answers: list[tuple[datetime, Reason]]
) -> None:
    theirs = a_subscription(status=Status(status), **fields)
    picture = a_picture(theirs, invoices=invoices)
    grants = sync.grants_of(theirs, picture=picture, unlocks={"prod_premium": ("premium",)}, now=NOON)
    said = [
        (at, decide(paywall.facts(*grants, now=at, article=ALWAYS_THERE)).reason) for at, _reason in answers
    ]
    assert said == answers


ALWAYS_THERE = paywall.article_facts(published_at=NOON - 1000 * DAY)


def test_the_table_has_every_status() -> None:
    assert {row[0] for row in TABLE} == set(Status)


def test_nobody_whose_payment_failed_is_sold_a_second_subscription() -> None:
    for status in (Status.PAST_DUE, Status.UNPAID, Status.INCOMPLETE):
        theirs = a_subscription(status=status)
        grants = sync.grants_of(
            theirs,
            picture=a_picture(theirs, invoices=REFUSED),
            unlocks={"prod_premium": ("premium",)},
            now=NOON,
        )
        decision = decide(paywall.facts(*grants, now=NOON + 30 * DAY, article=ALWAYS_THERE))
        assert decision.access is Access.TEASER
        assert decision.remedies[0].value == "fix_card"
        assert "subscribe" not in {remedy.value for remedy in decision.remedies}


def test_the_wall_names_the_card_that_failed_and_why() -> None:
    theirs = a_subscription(status=Status.PAST_DUE)
    (grant,) = sync.grants_of(
        theirs, picture=a_picture(theirs, invoices=REFUSED), unlocks={"prod_premium": ("premium",)}, now=NOON
    )
    assert grant.trouble is not None
    assert (grant.trouble.card, grant.trouble.cause) == ("Visa •••• 0341", "generic_decline")


def test_who_has_just_paid_reads_also_where_our_clock_is_behind_stripes() -> None:
    theirs = a_subscription(starts_at=NOON + timedelta(minutes=10))
    (grant,) = sync.grants_of(
        theirs, picture=a_picture(theirs), unlocks={"prod_premium": ("premium",)}, now=NOON
    )
    assert grant.starts_at == NOON
    assert decide(paywall.facts(grant, now=NOON, article=ALWAYS_THERE)).reason is Reason.ENTITLED


def test_who_owes_the_first_payment_reads_nothing_where_our_clock_is_behind_stripes() -> None:
    theirs = a_subscription(status=Status.INCOMPLETE, starts_at=NOON + timedelta(minutes=10))
    (grant,) = sync.grants_of(
        theirs, picture=a_picture(theirs), unlocks={"prod_premium": ("premium",)}, now=NOON
    )
    decision = decide(paywall.facts(grant, now=NOON, article=ALWAYS_THERE))
    assert decision.access is Access.TEASER
