"""From Stripe's JSON to charges, refunds, disputes and warnings: the other half of the only parser."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from billing.snapshots.charges import (
    Access,
    ChargeSnapshot,
    DisputeSnapshot,
    RefundSnapshot,
    WarningSnapshot,
)
from billing.snapshots.parsing import id_of, moment


def charge(data: Mapping[str, Any]) -> ChargeSnapshot:
    """Read a charge whose `refunds` are expanded and complete (the gateway fetches what a first page leaves out)."""
    means = data.get("payment_method_details") or {}
    face = means.get("card") or {}
    refunds = (data.get("refunds") or {}).get("data") or ()
    return ChargeSnapshot(
        id=data["id"],
        customer=id_of(data.get("customer")),
        payment_intent=id_of(data.get("payment_intent")),
        amount=data["amount_captured"],
        currency=data["currency"],
        is_disputed=bool(data.get("disputed")),
        card=data.get("payment_method"),
        brand=face.get("brand") or means.get("type") or "",
        last4=face.get("last4") or "",
        receipt_url=data.get("receipt_url") or "",
        created_at=moment(data["created"]),
        refunds=tuple(refund(row) for row in refunds),
    )


def refund(data: Mapping[str, Any]) -> RefundSnapshot:
    """Read a refund; what our metadata say of it is believed where it is a word of ours."""
    metadata = data.get("metadata") or {}
    wanted = metadata.get("access")
    return RefundSnapshot(
        id=data["id"],
        charge=id_of(data.get("charge")),
        payment_intent=id_of(data.get("payment_intent")),
        amount=data["amount"],
        currency=data["currency"],
        status=data.get("status") or "pending",
        reason=data.get("reason") or "",
        failure_reason=data.get("failure_reason") or "",
        created_at=moment(data["created"]),
        order=str(metadata.get("order") or "")[:80],
        access=Access(wanted) if wanted in set(Access) else None,
    )


def dispute(data: Mapping[str, Any]) -> DisputeSnapshot:
    """Read a dispute, of whatever status."""
    due_by = (data.get("evidence_details") or {}).get("due_by")
    return DisputeSnapshot(
        id=data["id"],
        charge=id_of(data["charge"]) or "",
        payment_intent=id_of(data.get("payment_intent")),
        amount=data["amount"],
        currency=data["currency"],
        status=str(data["status"]),
        reason=data.get("reason") or "",
        due_by=moment(due_by) if due_by else None,
        created_at=moment(data["created"]),
    )


def warning(data: Mapping[str, Any]) -> WarningSnapshot:
    """Read an early warning of fraud."""
    return WarningSnapshot(
        id=data["id"],
        charge=id_of(data["charge"]) or "",
        fraud_type=data.get("fraud_type") or "",
        is_actionable=bool(data.get("actionable")),
        created_at=moment(data["created"]),
    )
