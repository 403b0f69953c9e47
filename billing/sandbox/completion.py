"""What happens when a reader submits a card on a checkout page: all of it, or nothing."""

from __future__ import annotations

from typing import Any

from . import cards, discounts, lifecycle, payments, setup_intents
from .cards import Answer, Decline, TestCard
from .customers import new_customer
from .errors import ApiError
from .payment_methods import attach_to, new_card
from .store import Obj
from .subscriptions import missing_card_wish
from .world import World


def complete(
    world: World, session: Obj, card: TestCard | None, *, expires: tuple[int, int] | None, confirmed: bool
) -> Answer | Decline:
    """Try to complete an open session with a card, its holder being there; without one where none is needed.

    Only `Answer.APPROVED` completes it. Anything else leaves no subscription, customer or payment behind; in mode
    `setup` the setup intent keeps the refusal.

    :raises ApiError: the session is not open any more.
    """
    if session["status"] != "open":
        raise ApiError("This Checkout Session is no longer open.")
    if card is None:
        return _complete_without_card(world, session)
    answer = _ask(world, session, card, confirmed=confirmed)
    if answer is not Answer.APPROVED:
        if session["mode"] == "setup" and isinstance(answer, Decline):
            rejected = new_card(world, card, expires=expires)
            setup_intents.save_card(world, _setup_of(world, session), rejected, confirmed=confirmed)
        return answer
    method = new_card(world, card, expires=expires, email=(session["customer_details"] or {}).get("email"))
    _take_customer(world, session)
    _FINISH[session["mode"]](world, session, method)
    _close(world, session)
    return answer


def needs_card(session: Obj) -> bool:
    """Tell whether a session cannot be completed without a card."""
    return session["payment_method_collection"] != "if_required" or bool(session["amount_total"])


def _complete_without_card(world: World, session: Obj) -> Answer:
    if needs_card(session):
        raise ApiError("This Checkout Session needs a payment method.")
    _take_customer(world, session)
    _finish_subscription(world, session, None)
    _close(world, session)
    return Answer.APPROVED


def _close(world: World, session: Obj) -> None:
    session["status"] = "complete"
    session["url"] = None
    world.store.touch()
    world.emit("checkout.session.completed", session)


def _ask(world: World, session: Obj, card: TestCard, *, confirmed: bool) -> Answer | Decline:
    if not session["amount_total"]:
        return cards.save(card, confirmed=confirmed)
    fault = world.faults.take("charge", session["customer"] or "")
    if fault is not None:
        return Decline("card_declined", fault.decline_code, "Your card was declined.")
    return cards.charge(card, on_session=True, set_up=False, confirmed=confirmed)


def _setup_of(world: World, session: Obj) -> Obj:
    return world.store.get("setup_intent", session["setup_intent"])


def _take_customer(world: World, session: Obj) -> None:
    """Make the customer that a session without one ends with."""
    if session["customer"] or session["customer_creation"] != "always":
        return
    details: Any = session["customer_details"] or {}
    customer = new_customer(world, {"email": details.get("email")})
    session["customer"] = customer["id"]
    world.emit("customer.created", customer)


def _finish_subscription(world: World, session: Obj, method: Obj | None) -> None:
    if method is not None:
        attach_to(world, method, session["customer"], set_up=True)
    data = session["_data"]["subscription"]
    trial_end = session["_trial_end"]
    subscription = lifecycle.new_subscription(
        world,
        customer=session["customer"],
        items=[(line["price"], line["quantity"]) for line in session["_line_items"]],
        method=method["id"] if method else None,
        trial_end=max(trial_end, world.now() + 1) if trial_end else None,
        metadata=data.get("metadata"),
        missing_payment_method=missing_card_wish(data),
    )
    subscription["description"] = data.get("description")
    subscription["automatic_tax"]["enabled"] = session["automatic_tax"]["enabled"]
    if session["_coupon"]:
        coupon, code = session["_coupon"]
        subscription["discounts"] = [
            discounts.grant(
                world,
                world.store.get("coupon", coupon),
                world.store.find("promotion_code", code),
                customer=session["customer"],
                subscription=subscription["id"],
            )
        ]
    # The bank has agreed already, so nobody ever sees this subscription incomplete.
    subscription["status"] = "trialing" if trial_end else "active"
    world.emit("customer.subscription.created", subscription)
    invoice = lifecycle.first_invoice(world, subscription)
    lifecycle.pay(world, invoice, method, Answer.APPROVED)
    session["subscription"] = subscription["id"]
    session["invoice"] = invoice["id"]
    session["payment_status"] = "paid" if invoice["amount_due"] else "no_payment_required"


def _finish_payment(world: World, session: Obj, method: Obj) -> None:
    data = session["_data"]["payment"]
    intent = payments.new_intent(
        world,
        amount=session["amount_total"],
        currency=session["currency"],
        customer=session["customer"],
        description=data.get("description"),
        metadata=data.get("metadata"),
        setup_future_usage=data.get("setup_future_usage"),
        receipt_email=data.get("receipt_email"),
    )
    if session["customer"] and data.get("setup_future_usage"):
        attach_to(world, method, session["customer"], set_up=True)
    payments.record(world, intent, method, Answer.APPROVED)
    session["payment_intent"] = intent["id"]
    session["payment_status"] = "paid"


def _finish_setup(world: World, session: Obj, method: Obj) -> None:
    setup_intents.save_card(world, _setup_of(world, session), method, confirmed=True)


_FINISH = {"subscription": _finish_subscription, "payment": _finish_payment, "setup": _finish_setup}
