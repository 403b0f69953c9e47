"""One table: how a subscription stands x its card x time -> what the wall says, the page, the mails, and staff.

Each row is written into the mirror as a look at Stripe would write it, and time passes over it. The table in
`billing/README.md` is this one, rendered.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from accounts.models import Mail
from billing import dunning, mirror, outlook, sync
from billing.admin.contracts import _next_steps
from billing.advice import Advice
from billing.models import Customer, Plan, Price, Subscription
from billing.snapshots import Access as AfterRefund
from billing.snapshots import CustomerPicture, InvoiceSnapshot, Status
from billing.steps import Step
from paywall.decision.policy import decide
from paywall.decision.reasons import Access, Reason
from tests.factories import paywall
from tests.factories.accounts import a_reader
from tests.factories.billing import DAY, NOON, a_picture, a_subscription, an_invoice

pytestmark = pytest.mark.django_db

README = Path(__file__).resolve().parents[2] / "billing" / "README.md"

END = NOON + 20 * DAY
DUE = NOON - 2 * DAY
GRACE_OVER = DUE + 7 * DAY
MOMENT = timedelta(seconds=1)

ALWAYS_THERE = paywall.article_facts(published_at=NOON - 1000 * DAY)

PAID = (an_invoice(status="paid", failure_code="", next_payment_attempt=None),)
NO_MONEY = (an_invoice(failure_code="insufficient_funds"),)
BANK_SAYS_NO = (an_invoice(failure_code="do_not_honor"),)
STOLEN = (an_invoice(failure_code="stolen_card", advice_code="do_not_try_again"),)
ASKS = (an_invoice(failure_code="authentication_required", needs_action=True),)
FIRST = (an_invoice(billing_reason="subscription_create", next_payment_attempt=None),)
FIRST_ASKS = (
    an_invoice(
        billing_reason="subscription_create",
        next_payment_attempt=None,
        failure_code="authentication_required",
        needs_action=True,
    ),
)
NEVER_TRIED_AGAIN = (an_invoice(next_payment_attempt=None),)


@dataclass(frozen=True, slots=True)
class Then:
    """What holds at a moment: the wall's reason, the page's words, the next step, and the mail that goes out then."""

    at: datetime
    wall: Reason
    page: str
    step: Step = Step.NONE
    mails: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """A subscription as Stripe has it, and what follows as time passes."""

    story: str
    status: Status
    then: tuple[Then, ...]
    card: str = "good"
    invoices: tuple[InvoiceSnapshot, ...] = PAID
    fields: dict[str, Any] = field(default_factory=dict)
    helps: Advice | None = None
    tried_again_at: datetime | None = None

    @property
    def picture(self) -> CustomerPicture:
        """Return what a look at Stripe would bring."""
        theirs = a_subscription(status=self.status, **self.fields)
        if self.status is Status.UNKNOWN:
            theirs = a_subscription(status=self.status, raw_status="hibernating", **self.fields)
        cards = {} if self.card != "none" else {"cards": ()}
        return a_picture(theirs, invoices=self.invoices, **cards)


FAILED, ASKED = ("payment_failed",), ("payment_action_required",)
ENTITLED, GRACE, ENDED = Reason.ENTITLED, Reason.GRACE_PERIOD, Reason.SUBSCRIPTION_ENDED

TABLE = (
    Row(
        "trial, card on file",
        Status.TRIALING,
        fields={"trial_ends_at": END},
        then=(
            Then(NOON, ENTITLED, "Trial until Dec. 15, 2026"),
            Then(END - 3 * DAY, ENTITLED, "Trial until Dec. 15, 2026", mails=("trial_ending",)),
            Then(END - MOMENT, ENTITLED, "Trial until Dec. 15, 2026"),
            Then(END, GRACE, "Trial until Dec. 15, 2026"),
            Then(END + DAY, ENDED, "Trial until Dec. 15, 2026"),
        ),
    ),
    Row(
        "trial, no card",
        Status.TRIALING,
        card="none",
        fields={"trial_ends_at": END},
        then=(
            Then(NOON, ENTITLED, "Trial until Dec. 15, 2026", Step.ADD_CARD),
            Then(END - DAY, ENTITLED, "Trial until Dec. 15, 2026", Step.ADD_CARD, ("trial_ending",)),
        ),
    ),
    Row(
        "trial that needs no card, and has none",
        Status.TRIALING,
        card="none",
        fields={"trial_ends_at": END, "without_card": "cancel"},
        then=(
            Then(NOON, ENTITLED, "Trial until Dec. 15, 2026"),
            Then(END - DAY, ENTITLED, "Trial until Dec. 15, 2026", mails=("trial_ending",)),
        ),
    ),
    Row(
        "active",
        Status.ACTIVE,
        then=(
            Then(NOON, ENTITLED, "Active"),
            Then(END - MOMENT, ENTITLED, "Active"),
            Then(END, GRACE, "Active"),
            Then(END + DAY, ENDED, "Active"),
        ),
    ),
    Row(
        "active, its card detached",
        Status.ACTIVE,
        card="none",
        then=(
            Then(NOON, ENTITLED, "Active", Step.ADD_CARD),
            Then(END - 7 * DAY, ENTITLED, "Active", Step.ADD_CARD, ("card_missing",)),
        ),
    ),
    Row(
        "active, cancelled",
        Status.ACTIVE,
        fields={"cancel_at_period_end": True, "cancel_at": END, "canceled_at": NOON - DAY},
        then=(
            Then(NOON, ENTITLED, "Ends on Dec. 15, 2026", mails=("cancel_scheduled",)),
            Then(END - MOMENT, ENTITLED, "Ends on Dec. 15, 2026"),
            Then(END, ENDED, "Ends on Dec. 15, 2026"),
        ),
    ),
    Row(
        "collection paused, free meanwhile",
        Status.ACTIVE,
        fields={"pause_behavior": "keep_as_draft"},
        then=(Then(NOON, ENTITLED, "Active"),),
    ),
    Row(
        "collection paused, invoices voided",
        Status.ACTIVE,
        invoices=(an_invoice(status="void"),),
        fields={"pause_behavior": "void"},
        then=(Then(NOON, Reason.SUBSCRIPTION_PAUSED, "Paused"),),
    ),
    Row(
        "renewal refused: no money",
        Status.PAST_DUE,
        card="not enough money",
        invoices=NO_MONEY,
        helps=Advice.WAIT,
        tried_again_at=NOON + DAY,
        then=(
            Then(DUE, GRACE, "Payment failed", Step.FIX_CARD, FAILED),
            Then(GRACE_OVER - 2 * DAY, GRACE, "Payment failed", Step.FIX_CARD, ("grace_ending",)),
            Then(GRACE_OVER - MOMENT, GRACE, "Payment failed", Step.FIX_CARD),
            Then(GRACE_OVER, Reason.PAYMENT_FAILED, "Payment failed", Step.FIX_CARD),
            Then(NOON + 400 * DAY, Reason.PAYMENT_FAILED, "Payment failed", Step.FIX_CARD),
        ),
    ),
    Row(
        "renewal refused: the bank says no",
        Status.PAST_DUE,
        card="do not honour",
        invoices=BANK_SAYS_NO,
        helps=Advice.ASK_BANK,
        tried_again_at=NOON + DAY,
        then=(Then(NOON, GRACE, "Payment failed", Step.FIX_CARD, FAILED),),
    ),
    Row(
        "renewal refused: this card never again",
        Status.PAST_DUE,
        card="stolen",
        invoices=STOLEN,
        helps=Advice.ANOTHER_CARD,
        then=(
            Then(NOON, GRACE, "Payment failed", Step.FIX_CARD, FAILED),
            Then(GRACE_OVER, Reason.PAYMENT_FAILED, "Payment failed", Step.FIX_CARD),
        ),
    ),
    Row(
        "renewal waits for the bank's confirmation",
        Status.PAST_DUE,
        card="3-D Secure",
        invoices=ASKS,
        helps=Advice.CONFIRM,
        then=(
            Then(NOON, GRACE, "Waiting for your confirmation", Step.CONFIRM_PAYMENT, ASKED),
            Then(
                GRACE_OVER,
                Reason.PAYMENT_ACTION_REQUIRED,
                "Waiting for your confirmation",
                Step.CONFIRM_PAYMENT,
            ),
        ),
    ),
    Row(
        "all retries failed",
        Status.UNPAID,
        card="refused",
        invoices=NEVER_TRIED_AGAIN,
        helps=Advice.ASK_BANK,
        then=(Then(NOON, Reason.PAYMENT_FAILED, "Payment failed", Step.FIX_CARD, FAILED),),
    ),
    Row(
        "all retries wait for the bank's confirmation",
        Status.UNPAID,
        card="3-D Secure",
        invoices=ASKS,
        helps=Advice.CONFIRM,
        then=(
            Then(
                NOON,
                Reason.PAYMENT_ACTION_REQUIRED,
                "Waiting for your confirmation",
                Step.CONFIRM_PAYMENT,
                ASKED,
            ),
        ),
    ),
    Row(
        "first payment refused",
        Status.INCOMPLETE,
        card="refused",
        invoices=FIRST,
        helps=Advice.ASK_BANK,
        then=(Then(NOON, Reason.PAYMENT_FAILED, "First payment not made", Step.FIX_CARD),),
    ),
    Row(
        "first payment waits for the bank's confirmation",
        Status.INCOMPLETE,
        card="3-D Secure",
        invoices=FIRST_ASKS,
        helps=Advice.CONFIRM,
        then=(
            Then(
                NOON,
                Reason.PAYMENT_ACTION_REQUIRED,
                "Waiting for your confirmation",
                Step.CONFIRM_PAYMENT,
            ),
        ),
    ),
    Row(
        "first payment never made",
        Status.INCOMPLETE_EXPIRED,
        card="refused",
        invoices=FIRST,
        then=(Then(NOON, Reason.SUBSCRIPTION_REQUIRED, "Never paid for", Step.SUBSCRIBE),),
    ),
    Row(
        "ended by wish",
        Status.CANCELED,
        fields={"ended_at": NOON, "cancel_reason": "cancellation_requested"},
        then=(
            Then(NOON, ENDED, "Ended on Nov. 25, 2026", Step.SUBSCRIBE, ("subscription_canceled",)),
            Then(NOON + 400 * DAY, ENDED, "Ended on Nov. 25, 2026", Step.SUBSCRIBE),
        ),
    ),
    Row(
        "ended for want of payment",
        Status.CANCELED,
        card="refused",
        invoices=NEVER_TRIED_AGAIN,
        fields={"ended_at": NOON, "cancel_reason": "payment_failed"},
        then=(
            Then(
                NOON,
                ENDED,
                "Ended on Nov. 25, 2026, as it was not paid for",
                Step.SUBSCRIBE,
                ("ended_unpaid",),
            ),
        ),
    ),
    Row(
        "paused",
        Status.PAUSED,
        then=(
            Then(NOON, Reason.SUBSCRIPTION_PAUSED, "Paused"),
            Then(NOON + 400 * DAY, Reason.SUBSCRIPTION_PAUSED, "Paused"),
        ),
    ),
    Row(
        "a word of Stripe's that we do not know",
        Status.UNKNOWN,
        then=(Then(NOON, Reason.SUBSCRIPTION_REQUIRED, "We are looking into it"),),
    ),
)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.story)
def test_wall_page_mails_and_staff_say_what_the_table_says(row: Row) -> None:
    mirrored = _mirrored(row)
    grants = sync.grants_of(
        row.picture.subscriptions[0],
        picture=row.picture,
        unlocks={"prod_premium": ("premium",)},
        now=NOON,
    )
    said = []
    for then in row.then:
        dunning.tell(mirrored.customer, now=then.at)
        dunning.remind(mirrored.customer, now=then.at)
        state = outlook.of_subscription(mirrored, now=then.at)
        mails = _sent()
        wall = decide(paywall.facts(*grants, now=then.at, article=ALWAYS_THERE)).reason
        said.append(Then(then.at, wall, state.status_text, state.step, mails))
    assert tuple(said) == row.then


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.story)
def test_a_failure_says_what_helps_and_when_the_card_is_really_tried_again(row: Row) -> None:
    state = outlook.of_subscription(_mirrored(row), now=NOON)
    assert (state.advice, state.retry_at) == (row.helps, row.tried_again_at)


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.story)
def test_staff_see_what_the_page_shows(row: Row) -> None:
    mirrored = _mirrored(row)
    shown = str(_next_steps(Subscription.objects.filter(pk=mirrored.pk)))
    state = outlook.of_subscription(mirrored, now=NOON)
    assert state.status_text in shown
    assert state.step_text.replace("'", "&#x27;") in shown


def test_the_table_has_every_status() -> None:
    assert {row.status for row in TABLE} == set(Status)


def test_the_readme_shows_this_table() -> None:
    assert "\n".join(_rendered()) in README.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("fields", "invoices", "at", "reason"),
    [
        ({}, PAID, NOON - 41 * DAY, Reason.SUBSCRIPTION_REQUIRED),
        ({"status": Status.PAST_DUE}, NO_MONEY, DUE - MOMENT, ENTITLED),
        ({"status": Status.CANCELED, "ended_at": NOON}, PAID, NOON - MOMENT, ENTITLED),
    ],
    ids=["before it began", "before the payment failed", "before it ended"],
)
def test_what_was_before_reads_as_it_did(
    fields: dict[str, Any], invoices: tuple[InvoiceSnapshot, ...], at: datetime, reason: Reason
) -> None:
    theirs = a_subscription(**fields)
    grants = sync.grants_of(
        theirs,
        picture=a_picture(theirs, invoices=invoices),
        unlocks={"prod_premium": ("premium",)},
        now=NOON,
    )
    assert decide(paywall.facts(*grants, now=at, article=ALWAYS_THERE)).reason is reason


def test_nobody_whose_payment_failed_is_sold_a_second_subscription() -> None:
    for status in (Status.PAST_DUE, Status.UNPAID, Status.INCOMPLETE):
        theirs = a_subscription(status=status)
        grants = sync.grants_of(
            theirs,
            picture=a_picture(theirs, invoices=BANK_SAYS_NO),
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
        theirs,
        picture=a_picture(theirs, invoices=BANK_SAYS_NO),
        unlocks={"prod_premium": ("premium",)},
        now=NOON,
    )
    assert grant.trouble is not None
    assert (grant.trouble.card, grant.trouble.cause) == ("Visa •••• 0341", "do_not_honor")


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


def _sent() -> tuple[str, ...]:
    """Send what waits, and return what that was."""
    waiting = Mail.objects.filter(state=Mail.State.QUEUED).order_by("queued_at", "pk")
    kinds = tuple(waiting.values_list("kind", flat=True))
    waiting.update(state=Mail.State.SENT)
    return kinds


def _mirrored(row: Row) -> Subscription:
    """Write a row's picture as a look would."""
    paywall.product("premium")
    plan, _ = Plan.objects.get_or_create(
        stripe_id="prod_premium", defaults={"name": "Premium", "unlocks": ["premium"]}
    )
    Price.objects.get_or_create(
        stripe_id="price_1",
        defaults={
            "plan": plan,
            "slug": "premium_monthly",
            "unit_amount": 990,
            "currency": "eur",
            "interval": "month",
        },
    )
    customer = Customer.objects.create(reader=a_reader(), stripe_id="cus_1", created_at=NOON)
    mirror.write(customer, row.picture, policy=AfterRefund.KEEP, now=NOON)
    return Subscription.objects.select_related("customer__reader").get()


def _rendered() -> Iterator[str]:
    """Render the table as the README has it: times as days from the moment that matters in the row."""
    yield "| Subscription | Status | Card | What helps | When | Wall | Page and staff | Next step | Mail |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in TABLE:
        first = True
        for then in row.then:
            helps = f"`{row.helps}`" if row.helps else ""
            again = f", tried again {_when(row.tried_again_at)}" if row.tried_again_at else ""
            head = f"{row.story} | `{row.status}` | {row.card} | {helps}{again}" if first else " | | |"
            first = False
            mails = ", ".join(f"`{kind}`" for kind in then.mails)
            step = f"`{then.step}`" if then.step else ""
            yield f"| {head} | {_when(then.at)} | `{then.wall}` | {then.page} | {step} | {mails} |"


def _when(at: datetime) -> str:
    return f"{at:%d %b %H:%M:%S}".removesuffix(":00").removesuffix(" 12:00") + (
        f" {at.year}" if at.year != NOON.year else ""
    )
