"""Pages of Stripe's on which readers pay or store a card: the part of the gateway that speaks of hosted sessions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from stripe import V1Services
from stripe.params.checkout import (
    SessionCreateParams,
    SessionCreateParamsLineItem,
    SessionCreateParamsSubscriptionData,
    SessionListParams,
)

from billing import snapshots
from billing.errors import StripeGone, StripeRefused
from billing.gateway.charges import walk_disputes
from billing.gateway.port import AS_IT_GOES_ON, Beginning
from billing.gateway.refusals import translated
from billing.gateway.unpacking import PAGE, plain
from billing.snapshots import CheckoutSnapshot

_WHOLE_SESSION = ["setup_intent", "payment_intent.latest_charge"]
_WHOLE_SALES = ["data.payment_intent.latest_charge"]


class HostedSessions:
    """The calls about hosted sessions of billing's `Gateway`; see there for what each promises."""

    _v1: V1Services
    _with_tax: bool

    def checkout(self, session: str) -> CheckoutSnapshot:
        """Look at a hosted session again."""
        with translated():
            found = snapshots.checkout(
                plain(self._v1.checkout.sessions.retrieve(session, {"expand": _WHOLE_SESSION}))
            )
        payment = found.payment
        if payment is None or payment.charge is None or not payment.is_disputed:
            return found
        disputes = tuple(walk_disputes(self._v1, {"charge": payment.charge}))
        return replace(found, payment=replace(payment, disputes=disputes))

    def sales(self, *, after: str = "") -> Iterator[CheckoutSnapshot]:
        """Walk all completed sessions of the account in which something was paid once, newest first."""
        wish: SessionListParams = {"status": "complete", "limit": PAGE, "expand": _WHOLE_SALES}
        with translated():
            listing = self._v1.checkout.sessions.list(wish | {"starting_after": after} if after else wish)
            for row in listing.auto_paging_iter():
                session = snapshots.checkout(plain(row))
                if session.payment is not None and session.payment.purpose:
                    yield session

    def start_checkout(
        self,
        *,
        customer: str,
        price: str,
        reader: str,
        return_url: str,
        cancel_url: str,
        key: str,
        beginning: Beginning = AS_IT_GOES_ON,
        quantity: int = 1,
        most: int = 1,
    ) -> CheckoutSnapshot:
        """Open a hosted Checkout for a subscription. `price` is Stripe's id."""
        line: SessionCreateParamsLineItem = {"price": price, "quantity": quantity}
        if most > 1:
            line["adjustable_quantity"] = {"enabled": True, "minimum": 1, "maximum": most}
        params: SessionCreateParams = {
            "mode": "subscription",
            "customer": customer,
            "client_reference_id": reader,
            "line_items": [line],
            "subscription_data": _contract(beginning, reader=reader),
            "metadata": {"reader_id": reader, "purpose": "subscribe"},
            "success_url": return_url,
            "cancel_url": cancel_url,
        }
        if self._with_tax:
            # What Checkout asks for is kept with the customer: renewals are taxed by it.
            params["automatic_tax"] = {"enabled": True}
            params["tax_id_collection"] = {"enabled": True}
            params["customer_update"] = {"address": "auto", "name": "auto"}
        if beginning.trial_days and not beginning.trial_needs_card:
            params["payment_method_collection"] = "if_required"
        # Stripe takes a discount, or asks for a code, never both.
        if beginning.code:
            params["discounts"] = [{"promotion_code": beginning.code}]
        elif beginning.coupon:
            params["discounts"] = [{"coupon": beginning.coupon}]
        elif beginning.asks_for_code:
            params["allow_promotion_codes"] = True
        return self._start_session(params, key=key)

    def start_payment(
        self,
        *,
        price: str,
        promise: dict[str, str],
        return_url: str,
        cancel_url: str,
        key: str,
        customer: str | None = None,
        reader: str | None = None,
        email: str = "",
    ) -> CheckoutSnapshot:
        """Open a hosted Checkout for something paid once."""
        params: SessionCreateParams = {
            "mode": "payment",
            "line_items": [{"price": price, "quantity": 1}],
            "payment_intent_data": {"metadata": promise},
            "metadata": promise,
            "success_url": return_url,
            "cancel_url": cancel_url,
        }
        if self._with_tax:
            params["automatic_tax"] = {"enabled": True}
            if customer is not None:
                params["customer_update"] = {"address": "auto", "name": "auto"}
        if reader is not None:
            params["client_reference_id"] = reader
        if customer is not None:
            params["customer"] = customer
        elif email:
            params["customer_email"] = email
            params["payment_intent_data"]["receipt_email"] = email
        return self._start_session(params, key=key)

    def start_card_form(
        self,
        *,
        customer: str,
        currency: str,
        reader: str,
        return_url: str,
        cancel_url: str,
        key: str,
        purpose: str = "card",
    ) -> CheckoutSnapshot:
        """Open a hosted form that stores a card for later charges."""
        return self._start_session(
            {
                "mode": "setup",
                # Without it Stripe cannot tell which means of payment to offer.
                "currency": currency,
                "customer": customer,
                "client_reference_id": reader,
                "metadata": {"reader_id": reader, "purpose": purpose},
                "success_url": return_url,
                "cancel_url": cancel_url,
            },
            key=key,
        )

    def expire_checkout(self, session: str, *, key: str) -> CheckoutSnapshot:
        """Close an open session; one already complete or expired is returned as it is."""
        try:
            with translated():
                self._v1.checkout.sessions.expire(session, {}, {"idempotency_key": key})
        except StripeGone:
            raise
        except StripeRefused:
            found = self.checkout(session)
            if found.status == "open":
                raise
            return found
        return self.checkout(session)

    def _start_session(self, params: SessionCreateParams, *, key: str) -> CheckoutSnapshot:
        params["ui_mode"] = "hosted_page"
        with translated():
            made = self._v1.checkout.sessions.create(params, {"idempotency_key": key})
        return snapshots.checkout(plain(made))


def _contract(beginning: Beginning, *, reader: str) -> SessionCreateParamsSubscriptionData:
    contract: SessionCreateParamsSubscriptionData = {"metadata": {"reader_id": reader}}
    if beginning.trial_days:
        contract["trial_period_days"] = beginning.trial_days
        if not beginning.trial_needs_card:
            contract["trial_settings"] = {"end_behavior": {"missing_payment_method": "cancel"}}
    return contract
