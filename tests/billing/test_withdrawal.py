"""Does reading end with the money? Every row of the one rule, from a picture alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from billing import withdrawal
from billing.lifecycle import Suspension, Term
from billing.snapshots import (
    Access,
    ChargeSnapshot,
    DisputeSnapshot,
    InvoiceSnapshot,
    RefundSnapshot,
    Status,
)
from billing.withdrawal import Cause, Withdrawal
from tests.factories.billing import DAY, NOON, a_picture, a_subscription, an_invoice

BEGAN = NOON - 10 * DAY  # when the period of the factories began


def a_refund(amount: int = 990, **fields: Any) -> RefundSnapshot:
    return RefundSnapshot(
        **{
            "id": "re_1",
            "charge": "ch_1",
            "payment_intent": "pi_1",
            "amount": amount,
            "currency": "eur",
            "status": "succeeded",
            "reason": "",
            "failure_reason": "",
            "created_at": NOON - DAY,
            **fields,
        }
    )


def a_charge(*refunds: RefundSnapshot, **fields: Any) -> ChargeSnapshot:
    return ChargeSnapshot(
        **{
            "id": "ch_1",
            "customer": "cus_1",
            "payment_intent": "pi_1",
            "amount": 990,
            "currency": "eur",
            "is_disputed": False,
            "card": "pm_1",
            "brand": "visa",
            "last4": "4242",
            "receipt_url": "",
            "created_at": BEGAN,
            "refunds": refunds,
            **fields,
        }
    )


def a_dispute(status: str, **fields: Any) -> DisputeSnapshot:
    return DisputeSnapshot(
        **{
            "id": "du_1",
            "charge": "ch_1",
            "payment_intent": "pi_1",
            "amount": 990,
            "currency": "eur",
            "status": status,
            "reason": "fraudulent",
            "due_by": NOON + 9 * DAY,
            "created_at": NOON - 2 * DAY,
            **fields,
        }
    )


def paid(**fields: Any) -> InvoiceSnapshot:
    return an_invoice(
        **{
            "status": "paid",
            "amount_paid": 990,
            "amount_remaining": 0,
            "created_at": BEGAN,
            "payments": frozenset({"pi_1"}),
            **fields,
        }
    )


UPGRADE = paid(id="in_2", created_at=NOON - 3 * DAY, payments=frozenset({"pi_2"}))
UPGRADED = a_charge(id="ch_2", payment_intent="pi_2")
REFUNDED = Withdrawal(NOON - DAY, Cause.REFUNDED)
DISPUTED = Withdrawal(NOON - 2 * DAY, Cause.DISPUTED)
KEEP, WITHDRAW = Access.KEEP, Access.WITHDRAW


@pytest.mark.parametrize(
    ("policy", "facts", "expected"),
    [
        pytest.param(WITHDRAW, {}, None, id="nothing went back"),
        pytest.param(
            WITHDRAW, {"charges": (a_charge(a_refund()),)}, REFUNDED, id="all of it, in the dashboard"
        ),
        pytest.param(KEEP, {"charges": (a_charge(a_refund()),)}, None, id="all of it, and the policy keeps"),
        pytest.param(WITHDRAW, {"charges": (a_charge(a_refund(989)),)}, None, id="all but a cent"),
        pytest.param(
            WITHDRAW,
            {"charges": (a_charge(a_refund(400, created_at=NOON - 5 * DAY), a_refund(590, id="re_2")),)},
            REFUNDED,
            id="in two parts: from the last one",
        ),
        pytest.param(
            KEEP,
            {"charges": (a_charge(a_refund(1, access=WITHDRAW)),)},
            REFUNDED,
            id="a wish to end it outweighs amount and policy",
        ),
        pytest.param(
            WITHDRAW,
            {"charges": (a_charge(a_refund(access=KEEP)),)},
            None,
            id="a wish to keep outweighs the policy",
        ),
        pytest.param(
            WITHDRAW,
            {"charges": (a_charge(a_refund(status="failed")),)},
            None,
            id="it failed: the money is here",
        ),
        pytest.param(
            WITHDRAW, {"charges": (a_charge(a_refund(status="pending")),)}, REFUNDED, id="it is on its way"
        ),
        pytest.param(
            WITHDRAW,
            {"charges": (a_charge(a_refund()),), "invoices": (paid(created_at=NOON - 40 * DAY),)},
            None,
            id="of an earlier period",
        ),
        pytest.param(
            WITHDRAW,
            {"charges": (a_charge(a_refund()), UPGRADED), "invoices": (paid(), UPGRADE)},
            None,
            id="the upgrade of the same period is still paid",
        ),
        pytest.param(
            WITHDRAW,
            {"charges": (a_charge(a_refund()),), "invoices": (paid(subscription="sub_2"),)},
            None,
            id="of another subscription",
        ),
        pytest.param(
            WITHDRAW, {"disputes": (a_dispute("needs_response"),)}, None, id="a claim is no verdict"
        ),
        pytest.param(WITHDRAW, {"disputes": (a_dispute("warning_needs_response"),)}, None, id="an inquiry"),
        pytest.param(WITHDRAW, {"disputes": (a_dispute("won"),)}, None, id="won"),
        pytest.param(WITHDRAW, {"disputes": (a_dispute("lost"),)}, DISPUTED, id="lost: from the claim on"),
        pytest.param(KEEP, {"disputes": (a_dispute("lost"),)}, None, id="lost, and the policy keeps"),
        pytest.param(
            WITHDRAW, {"disputes": (a_dispute("a_new_word"),)}, None, id="a word that we do not know"
        ),
    ],
)
def test_the_rule(policy: Access, facts: dict[str, Any], expected: Withdrawal | None) -> None:
    subscription = a_subscription()
    picture = a_picture(subscription, **{"invoices": (paid(),), "charges": (a_charge(),), **facts})
    assert withdrawal.of(subscription, picture=picture, policy=policy) == expected


def test_it_still_holds_when_the_subscription_was_ended_for_it() -> None:
    ended = a_subscription(status=Status.CANCELED, ended_at=NOON)
    picture = a_picture(ended, invoices=(paid(),), charges=(a_charge(a_refund()),))
    assert withdrawal.of(ended, picture=picture, policy=WITHDRAW) == REFUNDED


class TestCut:
    def test_a_term_ends_with_the_money_and_has_no_grace(self) -> None:
        term = Term(
            starts_at=BEGAN, paid_until=NOON + DAY, grace_until=NOON + 2 * DAY, after=Suspension.PAUSED
        )
        assert withdrawal.cut(term, REFUNDED) == Term(starts_at=BEGAN, paid_until=REFUNDED.at)

    @pytest.mark.parametrize(
        ("starts_at", "paid_until", "ends_at"),
        [(BEGAN, None, REFUNDED.at), (BEGAN, BEGAN + DAY, BEGAN + DAY), (NOON, NOON + DAY, NOON)],
    )
    def test_it_never_grows_and_never_ends_before_it_starts(
        self, starts_at: datetime, paid_until: datetime | None, ends_at: datetime
    ) -> None:
        cut = withdrawal.cut(Term(starts_at=starts_at, paid_until=paid_until), REFUNDED)
        assert cut is not None
        assert cut.paid_until == ends_at

    def test_nothing_is_cut_where_nothing_went_back(self) -> None:
        term = Term(starts_at=BEGAN, paid_until=NOON)
        assert withdrawal.cut(term, None) == term
        assert withdrawal.cut(None, REFUNDED) is None
