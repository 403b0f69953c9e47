"""Money taken, given back, contested: the part of the gateway that speaks of charges."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from stripe import V1Services
from stripe.params import DisputeListParams, RefundListParams

from billing import snapshots
from billing.gateway.refusals import translated
from billing.gateway.unpacking import PAGE, plain
from billing.snapshots import (
    Access,
    ChargeSnapshot,
    DisputeSnapshot,
    PaymentSnapshot,
    RefundSnapshot,
    WarningSnapshot,
)

_WHOLE_CHARGE = ["data.refunds", "data.payment_intent"]


class ChargeCalls:
    """The calls about charges of billing's `Gateway`; see there for what each promises."""

    _v1: V1Services

    def refund(self, *, charge: str, amount: int, order: str, access: Access, key: str) -> RefundSnapshot:
        """Give back so much of a charge."""
        with translated():
            made = self._v1.refunds.create(
                {
                    "charge": charge,
                    "amount": amount,
                    "reason": "requested_by_customer",
                    "metadata": {"order": order, "access": access.value},
                },
                {"idempotency_key": key},
            )
        return snapshots.refund(plain(made))

    def refunds(self, *, after: str = "") -> Iterator[RefundSnapshot]:
        """Walk all refunds of the account, newest first."""
        return self._refunds({"starting_after": after} if after else {})

    def disputes(self, *, after: str = "") -> Iterator[DisputeSnapshot]:
        """Walk all disputes of the account, newest first."""
        return walk_disputes(self._v1, {"starting_after": after} if after else {})

    def dispute(self, dispute: str) -> DisputeSnapshot:
        """Fetch a dispute."""
        with translated():
            return snapshots.dispute(plain(self._v1.disputes.retrieve(dispute)))

    def fraud_warnings(self, *, after: str = "") -> Iterator[WarningSnapshot]:
        """Walk all early warnings of fraud, newest first."""
        with translated():
            listing = self._v1.radar.early_fraud_warnings.list(
                {"limit": PAGE, "starting_after": after} if after else {"limit": PAGE}
            )
            for row in listing.auto_paging_iter():
                yield snapshots.warning(plain(row))

    def fraud_warning(self, warning: str) -> WarningSnapshot:
        """Fetch an early warning of fraud."""
        with translated():
            return snapshots.warning(plain(self._v1.radar.early_fraud_warnings.retrieve(warning)))

    def _taken_from(
        self, customer: str
    ) -> tuple[tuple[ChargeSnapshot, ...], tuple[DisputeSnapshot, ...], tuple[PaymentSnapshot, ...]]:
        """Fetch what a customer paid, with all refunds; what is contested; and what of it was for something sold once.

        One call, and one more for a charge refunded very often, or disputed.
        """
        with translated():
            listing = self._v1.charges.list({"customer": customer, "limit": PAGE, "expand": _WHOLE_CHARGE})
            rows = [plain(row) for row in listing.auto_paging_iter()]
        charges = tuple(self._charge(row) for row in rows if row["status"] == "succeeded" and row["captured"])
        disputes = tuple(self._disputes_of(charges))
        sold = (payment for row in rows for payment in _sold_once(row))
        return charges, disputes, tuple(_with(disputes, payment) for payment in sold)

    def _charge(self, data: dict[str, Any]) -> ChargeSnapshot:
        found = snapshots.charge(data)
        if (data.get("refunds") or {}).get("has_more"):
            return replace(found, refunds=tuple(self._refunds({"charge": found.id})))
        return found

    def _disputes_of(self, charges: Iterable[ChargeSnapshot]) -> Iterator[DisputeSnapshot]:
        """Walk the disputes of these charges: a charge says whether it has one, so most cost no call."""
        for charge in charges:
            if charge.is_disputed:
                yield from walk_disputes(self._v1, {"charge": charge.id})

    def _refunds(self, narrowed: RefundListParams) -> Iterator[RefundSnapshot]:
        with translated():
            for row in self._v1.refunds.list(narrowed | {"limit": PAGE}).auto_paging_iter():
                yield snapshots.refund(plain(row))


def walk_disputes(v1: V1Services, narrowed: DisputeListParams) -> Iterator[DisputeSnapshot]:
    """Walk the disputes that these parameters name, newest first."""
    with translated():
        for row in v1.disputes.list(narrowed | {"limit": PAGE}).auto_paging_iter():
            yield snapshots.dispute(plain(row))


def _with(disputes: Iterable[DisputeSnapshot], payment: PaymentSnapshot) -> PaymentSnapshot:
    its = tuple(dispute for dispute in disputes if dispute.charge == payment.charge)
    return replace(payment, disputes=its)


def _sold_once(charge: dict[str, Any]) -> Iterator[PaymentSnapshot]:
    """Yield the payment that a charge is the last try of, where it says what for; those of invoices say nothing."""
    intent = charge.get("payment_intent")
    if isinstance(intent, dict) and snapshots.id_of(intent.get("latest_charge")) == charge["id"]:
        payment = snapshots.payment({**intent, "latest_charge": charge})
        if payment.purpose:
            yield payment
