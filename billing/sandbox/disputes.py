"""Disputes: a bank takes a payment back, and the publisher may answer with evidence."""

from __future__ import annotations

from .cards import TestCard
from .clock import DAY
from .errors import ApiError
from .params import Params, merged_metadata
from .routes import PAGED, route
from .store import Obj, page, within
from .world import World

_TEXTS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_tracking_number",
    "uncategorized_text",
)
_OPEN = frozenset({"needs_response", "warning_needs_response"})
# What Stripe's test mode makes of a dispute, by what is written in `uncategorized_text`.
_VERDICTS = {"winning_evidence": "won", "losing_evidence": "lost"}


def open_for(world: World, charge: Obj, card: TestCard) -> None:
    """Open the dispute that a test card has in store for a successful charge, if it has one."""
    if card.dispute:
        begin(world, charge, reason=card.dispute, inquiry=card.inquiry)


def begin(world: World, charge: Obj, *, reason: str, inquiry: bool = False) -> Obj:
    """Let the holder of the card contest a successful charge; an `inquiry` is the mild form of it."""
    brand = charge["payment_method_details"]["card"]["brand"]
    now = world.now()
    eligibility = {"mastercard_compliance": None, "visa_compelling_evidence_3": None, "visa_compliance": None}
    dispute = world.store.add(
        {
            "id": world.ids.new("du"),
            "object": "dispute",
            "amount": charge["amount"],
            "balance_transactions": [],
            "charge": charge["id"],
            "created": now,
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {**dict.fromkeys(_TEXTS), "enhanced_evidence": dict(eligibility)},
            "evidence_details": {
                "due_by": now + 9 * DAY,
                "enhanced_eligibility": dict(eligibility),
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
                "submission_method": "not_submitted",
            },
            "is_charge_refundable": inquiry,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "type": "card",
                "card": {
                    "brand": brand,
                    "case_type": "inquiry" if inquiry else "chargeback",
                    "network": brand,
                    "network_reason_code": "10.4",
                },
            },
            "reason": reason,
            "status": "warning_needs_response" if inquiry else "needs_response",
        }
    )
    charge["disputed"] = True
    world.store.touch()
    world.emit("charge.dispute.created", dispute)
    if not inquiry:
        world.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def retrieve(world: World, _: Params, dispute: str) -> Obj:
    return world.store.get("dispute", dispute)


def update(world: World, params: Params, dispute: str) -> Obj:
    """Take evidence. `winning_evidence` or `losing_evidence` as the uncategorized text decides the dispute."""
    found = world.store.get("dispute", dispute)
    evidence = params.get("evidence") or {}
    verdict = _VERDICTS.get(evidence.get("uncategorized_text", ""))
    with world.changing(found, "charge.dispute.updated"):
        found["evidence"].update({name: value or None for name, value in evidence.items() if name in _TEXTS})
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
        found["evidence_details"]["has_evidence"] = any(found["evidence"][name] for name in _TEXTS)
        if evidence and params.get("submit", True) and found["status"] in _OPEN:
            found["status"] = (
                "warning_under_review" if found["status"].startswith("warning") else "under_review"
            )
            found["evidence_details"]["submission_count"] += 1
            found["evidence_details"]["submission_method"] = "manual"
    if verdict:
        _decide(world, found, verdict)
    return found


def close(world: World, _: Params, dispute: str) -> Obj:
    """Accept a dispute: it is lost."""
    found = world.store.get("dispute", dispute)
    if found["status"] not in _OPEN:
        raise ApiError("This dispute is already closed or under review.")
    _decide(world, found, "lost")
    return found


def _decide(world: World, dispute: Obj, verdict: str) -> None:
    inquiry = dispute["status"].startswith("warning")
    dispute["status"] = "warning_closed" if inquiry else verdict
    world.store.touch()
    world.emit("charge.dispute.closed", dispute)
    if verdict == "won" and not inquiry:
        world.emit("charge.dispute.funds_reinstated", dispute)


def list_all(world: World, params: Params) -> Obj:
    rows = [
        dispute
        for dispute in world.store.all("dispute")
        if params.get("charge") in {None, dispute["charge"]}
        and params.get("payment_intent") in {None, dispute["payment_intent"]}
        and within(dispute["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/disputes")


ROUTES = (
    route(
        "GET /v1/disputes",
        list_all,
        schema="DisputeListParams",
        understood=f"{PAGED} charge payment_intent created",
    ),
    route("GET /v1/disputes/<dispute>", retrieve, schema="DisputeRetrieveParams"),
    route(
        "POST /v1/disputes/<dispute>",
        update,
        schema="DisputeUpdateParams",
        understood="evidence metadata submit",
    ),
    route("POST /v1/disputes/<dispute>/close", close, schema="DisputeCloseParams"),
)
