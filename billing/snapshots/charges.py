"""Money taken and given back: charges, refunds, disputes and warnings of fraud, as frozen values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Access(StrEnum):
    """What becomes of reading when the money for it goes back."""

    KEEP = "keep"  # read on to the end of the period
    WITHDRAW = "withdraw"  # reading ends with the money


@dataclass(frozen=True, slots=True)
class RefundSnapshot:
    """Money given back, or on its way."""

    id: str
    charge: str | None
    payment_intent: str | None
    amount: int
    currency: str
    status: str  # pending, requires_action, succeeded, failed, canceled
    reason: str
    failure_reason: str
    created_at: datetime
    order: str = (
        ""  # our name for the wish it fulfils, from its metadata; "" where it was made in Stripe's dashboard
    )
    access: Access | None = (
        None  # what whoever wished it wants to become of reading; None leaves it to the policy
    )

    @property
    def counts(self) -> bool:
        """Whether the money is back, or on its way."""
        return self.status not in {"failed", "canceled"}


@dataclass(frozen=True, slots=True)
class DisputeSnapshot:
    """A payment that the card's holder contests at the bank."""

    id: str
    charge: str
    payment_intent: str | None
    amount: int
    currency: str
    status: str
    reason: str
    due_by: datetime | None  # until when evidence is taken
    created_at: datetime

    @property
    def is_lost(self) -> bool:
        """Whether the bank has taken the money back for good."""
        return self.status == "lost"

    @property
    def takes_the_money(self) -> bool:
        """Whether the bank has the money, for good or until it decides. With an inquiry it has not yet."""
        return not self.status.startswith("warning") and self.status not in {"won", "prevented"}


@dataclass(frozen=True, slots=True)
class ChargeSnapshot:
    """A payment that went through, with what was given back of it."""

    id: str
    customer: str | None
    payment_intent: str | None
    amount: int
    currency: str
    is_disputed: bool
    card: str | None
    brand: str
    last4: str
    receipt_url: str
    created_at: datetime
    refunds: tuple[RefundSnapshot, ...] = ()


@dataclass(frozen=True, slots=True)
class WarningSnapshot:
    """An early warning of fraud: the bank expects that this charge will be disputed."""

    id: str
    charge: str
    fraud_type: str
    is_actionable: bool  # neither disputed nor wholly refunded by now
    created_at: datetime
