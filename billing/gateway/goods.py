"""What billing may ask of Stripe about what is sold: products, prices, coupons and the codes that readers type."""

from __future__ import annotations

from typing import Protocol

from stripe import V1Services
from stripe.params import (
    CouponCreateParams,
    PriceCreateParams,
    PriceUpdateParams,
    ProductCreateParams,
    PromotionCodeCreateParams,
    PromotionCodeListParams,
)

from billing import snapshots
from billing.gateway.refusals import translated
from billing.gateway.unpacking import PAGE, plain
from billing.snapshots import (
    CodeSnapshot,
    CodeTerms,
    CouponSnapshot,
    CouponTerms,
    PriceTerms,
    ProductFields,
    ProductSnapshot,
    Welcome,
)


class Goods(Protocol):
    """The part of `Gateway` that is about what is sold. Every write takes the caller's idempotency `key`."""

    def products(self) -> tuple[ProductSnapshot, ...]:
        """Fetch every product on this account, also archived ones."""
        ...

    def coupons(self) -> tuple[CouponSnapshot, ...]:
        """Fetch every coupon on this account."""
        ...

    def coupon(self, coupon: str) -> CouponSnapshot:
        """Fetch one coupon.

        :raises StripeGone: there is none.
        """
        ...

    def codes(self, *, text: str = "") -> tuple[CodeSnapshot, ...]:
        """Fetch every promotion code, also inactive ones; only those that read like `text`, where it is given."""
        ...

    def make_product(self, product: str, *, fields: ProductFields, key: str) -> None:
        """Make a product of that id."""
        ...

    def change_product(self, product: str, *, fields: ProductFields, key: str) -> None:
        """Make a product say this of itself."""
        ...

    def make_price(
        self, slug: str, *, product: str, terms: PriceTerms, welcome: Welcome, replaces: str, key: str
    ) -> str:
        """Make a price that takes over the name `slug` from whichever price has it; return its id."""
        ...

    def restate_welcome(self, price: str, *, welcome: Welcome, key: str) -> None:
        """Put a price on sale, with this welcome."""
        ...

    def archive_price(self, price: str, *, successor: str, key: str) -> None:
        """Take a price off sale. `successor` is the name of the one that its product shows first from now on."""
        ...

    def make_coupon(self, coupon: str, *, name: str, terms: CouponTerms, key: str) -> None:
        """Make a coupon of that id."""
        ...

    def rename_coupon(self, coupon: str, *, name: str, key: str) -> None:
        """Give a coupon another name."""
        ...

    def make_code(self, text: str, *, terms: CodeTerms, key: str) -> None:
        """Make a code that readers can type."""
        ...

    def switch_code(self, code: str, *, active: bool, key: str) -> None:
        """Let a code (by Stripe's id) be typed, or no longer."""
        ...


class StripeGoods:
    """`Goods` over Stripe's API."""

    _v1: V1Services

    def products(self) -> tuple[ProductSnapshot, ...]:
        """Fetch every product on this account, also archived ones."""
        with translated():
            listing = self._v1.products.list({"limit": PAGE})
            return tuple(snapshots.product(plain(row)) for row in listing.auto_paging_iter())

    def coupons(self) -> tuple[CouponSnapshot, ...]:
        """Fetch every coupon on this account."""
        with translated():
            listing = self._v1.coupons.list({"limit": PAGE, "expand": ["data.applies_to"]})
            return tuple(snapshots.coupon(plain(row)) for row in listing.auto_paging_iter())

    def coupon(self, coupon: str) -> CouponSnapshot:
        """Fetch one coupon."""
        with translated():
            return snapshots.coupon(plain(self._v1.coupons.retrieve(coupon, {"expand": ["applies_to"]})))

    def codes(self, *, text: str = "") -> tuple[CodeSnapshot, ...]:
        """Fetch every promotion code, also inactive ones; only those that read like `text`, where it is given."""
        wish: PromotionCodeListParams = {"limit": PAGE}
        if text:
            wish["code"] = text
        with translated():
            listing = self._v1.promotion_codes.list(wish)
            return tuple(snapshots.code(plain(row)) for row in listing.auto_paging_iter())

    def make_product(self, product: str, *, fields: ProductFields, key: str) -> None:
        """Make a product of that id."""
        wish: ProductCreateParams = {
            "id": product,
            "name": fields.name,
            "active": fields.active,
            "metadata": {name: said for name, said in _metadata(fields).items() if said},
        }
        if fields.description:
            wish["description"] = fields.description
        with translated():
            self._v1.products.create(wish, {"idempotency_key": key})

    def change_product(self, product: str, *, fields: ProductFields, key: str) -> None:
        """Make a product say this of itself."""
        with translated():
            self._v1.products.update(
                product,
                {
                    "name": fields.name,
                    "description": fields.description,
                    "active": fields.active,
                    "metadata": _metadata(fields),
                },
                {"idempotency_key": key},
            )

    def make_price(
        self, slug: str, *, product: str, terms: PriceTerms, welcome: Welcome, replaces: str, key: str
    ) -> str:
        """Make a price that takes over the name `slug` from whichever price has it; return its id."""
        said = {**_sold_once(terms), **_said(welcome), "replaces": replaces}
        wish: PriceCreateParams = {
            "product": product,
            "currency": terms.currency,
            "unit_amount": terms.amount,
            "lookup_key": slug,
            "transfer_lookup_key": True,
            "metadata": {word: value for word, value in said.items() if value},
        }
        if terms.interval:
            wish["recurring"] = {"interval": terms.interval, "interval_count": terms.interval_count}
        with translated():
            return self._v1.prices.create(wish, {"idempotency_key": key}).id

    def restate_welcome(self, price: str, *, welcome: Welcome, key: str) -> None:
        """Put a price on sale, with this welcome."""
        self._update_price(price, {"active": True, "metadata": _said(welcome)}, key=key)

    def archive_price(self, price: str, *, successor: str, key: str) -> None:
        """Take a price off sale. `successor` is the name of the one that its product shows first from now on."""
        with translated():
            product = plain(self._v1.prices.retrieve(price, {"expand": ["product"]}))["product"]
            # Stripe refuses to archive the price that its product shows first.
            if product.get("default_price") == price:
                self._show_first(successor, product=product["id"], key=f"{key}:first")
        self._update_price(price, {"active": False}, key=key)

    def make_coupon(self, coupon: str, *, name: str, terms: CouponTerms, key: str) -> None:
        """Make a coupon of that id."""
        params: CouponCreateParams = {"id": coupon, "duration": terms.duration}
        if name:
            params["name"] = name
        if terms.percent_off is not None:
            params["percent_off"] = float(terms.percent_off)
        if terms.amount_off is not None:
            params["amount_off"], params["currency"] = terms.amount_off, terms.currency
        if terms.months is not None:
            params["duration_in_months"] = terms.months
        if terms.products:
            params["applies_to"] = {"products": list(terms.products)}
        if terms.max_redemptions is not None:
            params["max_redemptions"] = terms.max_redemptions
        if terms.redeem_by is not None:
            params["redeem_by"] = int(terms.redeem_by.timestamp())
        with translated():
            self._v1.coupons.create(params, {"idempotency_key": key})

    def rename_coupon(self, coupon: str, *, name: str, key: str) -> None:
        """Give a coupon another name."""
        with translated():
            self._v1.coupons.update(coupon, {"name": name}, {"idempotency_key": key})

    def make_code(self, text: str, *, terms: CodeTerms, key: str) -> None:
        """Make a code that readers can type."""
        params: PromotionCodeCreateParams = {
            "code": text,
            "promotion": {"type": "coupon", "coupon": terms.coupon},
        }
        if terms.max_redemptions is not None:
            params["max_redemptions"] = terms.max_redemptions
        if terms.expires_at is not None:
            params["expires_at"] = int(terms.expires_at.timestamp())
        if terms.first_time:
            params["restrictions"] = {"first_time_transaction": True}
        with translated():
            self._v1.promotion_codes.create(params, {"idempotency_key": key})

    def switch_code(self, code: str, *, active: bool, key: str) -> None:
        """Let a code (by Stripe's id) be typed, or no longer."""
        with translated():
            self._v1.promotion_codes.update(code, {"active": active}, {"idempotency_key": key})

    def _show_first(self, slug: str, *, product: str, key: str) -> None:
        for following in self._v1.prices.list({"lookup_keys": [slug], "product": product}).data:
            self._v1.products.update(product, {"default_price": following.id}, {"idempotency_key": key})

    def _update_price(self, price: str, params: PriceUpdateParams, *, key: str) -> None:
        with translated():
            self._v1.prices.update(price, params, {"idempotency_key": key})


def _metadata(fields: ProductFields) -> dict[str, str]:
    # Where a product is changed, what is set to nothing is deleted.
    return {"unlocks": ",".join(fields.unlocks), "seats": str(fields.seats or "")}


def _sold_once(terms: PriceTerms) -> dict[str, str]:
    return {"lasts_hours": str(terms.lasts_hours or ""), "gift_months": str(terms.gift_months or "")}


def _said(welcome: Welcome) -> dict[str, str]:
    """An empty value takes a word away from what Stripe has."""
    return {
        "trial_days": str(welcome.trial_days or ""),
        "trial_card": "" if welcome.trial_needs_card else "if_needed",
        "intro": welcome.coupon,
    }
