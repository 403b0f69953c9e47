"""Coupons, promotion codes, and the discounts they turn into."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from .clock import add_interval
from .errors import ApiError, missing, parameter_missing
from .params import Params, merged_metadata
from .rendering import included
from .routes import PAGED, route
from .store import Obj, Store, page, within
from .world import World


def create_coupon(world: World, params: Params) -> Obj:
    """Make a coupon."""
    if ("percent_off" in params) == ("amount_off" in params):
        raise ApiError("You must pass exactly one of `percent_off` or `amount_off`.", param="percent_off")
    if "amount_off" in params and "currency" not in params:
        raise parameter_missing("currency")
    if (params.get("duration") == "repeating") != ("duration_in_months" in params):
        raise ApiError("`duration_in_months` goes with the duration `repeating`.", param="duration_in_months")
    identifier = params.get("id") or world.ids.token(length=8)
    if (world.store.find("coupon", identifier) or {"_deleted": True}).get("_deleted") is not True:
        raise ApiError("Coupon already exists.", code="resource_already_exists", param="id")
    coupon = world.store.add(
        {
            "id": identifier,
            "object": "coupon",
            "amount_off": params.get("amount_off"),
            "created": world.now(),
            "currency": params.get("currency"),
            "duration": params.get("duration", "once"),
            "duration_in_months": params.get("duration_in_months"),
            "livemode": False,
            "max_redemptions": params.get("max_redemptions"),
            "metadata": params.get("metadata") or {},
            "name": params.get("name"),
            "percent_off": params.get("percent_off"),
            "redeem_by": params.get("redeem_by"),
            "times_redeemed": 0,
            "valid": True,
            "_products": params.get("applies_to", {}).get("products", []),
        }
    )
    world.emit("coupon.created", coupon)
    return coupon


def retrieve_coupon(world: World, _: Params, coupon: str) -> Obj:
    return world.store.get("coupon", coupon)


def update_coupon(world: World, params: Params, coupon: str) -> Obj:
    found = world.store.get("coupon", coupon)
    with world.changing(found, "coupon.updated"):
        found["name"] = params.get("name", found["name"])
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    return found


def delete_coupon(world: World, _: Params, coupon: str) -> Obj:
    found = world.store.get("coupon", coupon)
    found["valid"] = False
    found["_deleted"] = True
    world.store.touch()
    world.emit("coupon.deleted", found)
    return {"id": coupon, "object": "coupon", "deleted": True}


def list_coupons(world: World, params: Params) -> Obj:
    _switch_off(world)
    rows = [
        coupon
        for coupon in world.store.all("coupon")
        if not coupon.get("_deleted") and within(coupon["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/coupons")


def create_promotion_code(world: World, params: Params) -> Obj:
    """Make a code that readers can type in for a coupon."""
    coupon = params.get("promotion", {}).get("coupon")
    if not coupon:
        raise parameter_missing("promotion[coupon]")
    world.store.get("coupon", coupon, param="promotion[coupon]")
    text = params.get("code") or world.ids.token(length=8).upper()
    _free_text(world, text)
    if params.get("expires_at", world.now() + 1) <= world.now():
        raise ApiError("The `expires_at` timestamp must be in the future.", param="expires_at")
    restrictions = params.get("restrictions", {})
    code = world.store.add(
        {
            "id": world.ids.new("promo"),
            "object": "promotion_code",
            "active": params.get("active", True),
            "code": text,
            "created": world.now(),
            "customer": params.get("customer"),
            "expires_at": params.get("expires_at"),
            "livemode": False,
            "max_redemptions": params.get("max_redemptions"),
            "metadata": params.get("metadata", {}),
            "promotion": {"type": "coupon", "coupon": coupon},
            "restrictions": {
                "first_time_transaction": restrictions.get("first_time_transaction", False),
                "minimum_amount": restrictions.get("minimum_amount"),
                "minimum_amount_currency": restrictions.get("minimum_amount_currency"),
            },
            "times_redeemed": 0,
        }
    )
    world.emit("promotion_code.created", code)
    return code


def retrieve_promotion_code(world: World, _: Params, promotion_code: str) -> Obj:
    return world.store.get("promotion_code", promotion_code)


def update_promotion_code(world: World, params: Params, promotion_code: str) -> Obj:
    found = world.store.get("promotion_code", promotion_code)
    if params.get("active") and not found["active"]:
        _free_text(world, found["code"])
        if not _has_room(found, until="expires_at", now=world.now()):
            raise ApiError("This promotion code has expired or is used up.", param="active")
    with world.changing(found, "promotion_code.updated"):
        found["active"] = params.get("active", found["active"])
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    return found


def _free_text(world: World, text: str) -> None:
    if code_named(world, text) is not None:
        raise ApiError("An active promotion code with this code already exists.", param="code")


def list_promotion_codes(world: World, params: Params) -> Obj:
    _switch_off(world)
    rows = [
        code
        for code in world.store.all("promotion_code")
        if params.get("active") in {None, code["active"]}
        and str(params.get("code", code["code"])).casefold() == code["code"].casefold()
        and params.get("coupon") in {None, code["promotion"]["coupon"]}
    ]
    return page(rows, params=params, url="/v1/promotion_codes")


def code_named(world: World, text: str) -> Obj | None:
    """Return the active promotion code that a reader typed, if there is one."""
    wanted = text.strip().casefold()
    _switch_off(world)
    codes = world.store.all("promotion_code")
    return next((code for code in codes if code["active"] and code["code"].casefold() == wanted), None)


def _switch_off(world: World) -> None:
    """Take off what has run out: Stripe does so by itself."""
    for code in world.store.all("promotion_code"):
        if code["active"] and not _has_room(code, until="expires_at", now=world.now()):
            code["active"] = False
    for coupon in world.store.all("coupon"):
        coupon["valid"] = coupon["valid"] and _has_room(coupon, until="redeem_by", now=world.now())


def _has_room(redeemed: Obj, *, until: str, now: int) -> bool:
    """Tell whether a coupon or a code may be redeemed once more."""
    if redeemed[until] is not None and redeemed[until] <= now:
        return False
    return redeemed["max_redemptions"] is None or redeemed["times_redeemed"] < redeemed["max_redemptions"]


def coupon_of(world: World, given: Params, *, param: str) -> tuple[Obj, Obj | None]:
    """Return the coupon that `{coupon: …}` or `{promotion_code: …}` names, and the code.

    :raises ApiError: there is none, or it cannot be used any more.
    """
    _switch_off(world)
    code = None
    identifier = given.get("coupon")
    if "promotion_code" in given:
        code = world.store.get("promotion_code", given["promotion_code"], param=param)
        if not code["active"]:
            raise ApiError("This promotion code is inactive.", param=param)
        identifier = code["promotion"]["coupon"]
    coupon = world.store.find("coupon", identifier)
    if coupon is None:
        raise missing("coupon", str(identifier), param=param)
    if not coupon["valid"]:
        raise ApiError(f"Coupon expired: {identifier}", code="coupon_expired", param=param)
    return coupon, code


def check_fit(
    world: World, coupon: Obj, code: Obj | None, *, customer: str | None, prices: list[Obj]
) -> None:
    """Refuse what cannot be used for these prices, or not by this customer.

    :raises ApiError: it cannot.
    """
    if coupon["currency"] and any(price["currency"] != coupon["currency"] for price in prices):
        raise ApiError("The coupon's currency is not the one of these prices.", param="discounts")
    products = coupon.get("_products") or ()
    if products and not any(price["product"] in products for price in prices):
        raise ApiError("The coupon is not good for any of these products.", param="discounts")
    if code is None:
        return
    if code["customer"] not in {None, customer}:
        raise ApiError("This promotion code belongs to another customer.", param="discounts")
    paid = (invoice for invoice in world.store.all("invoice") if invoice["amount_paid"])
    if code["restrictions"]["first_time_transaction"] and any(one["customer"] == customer for one in paid):
        raise ApiError(
            "This promotion code cannot be redeemed because the associated customer has prior transactions.",
            param="discounts",
        )


def grant(world: World, coupon: Obj, code: Obj | None, *, customer: str, subscription: str) -> str:
    """Redeem a coupon for a subscription, and return the id of the new discount."""
    now = world.now()
    end = None
    if coupon["duration"] == "repeating":
        end = add_interval(now, interval="month", count=coupon["duration_in_months"] or 1)
    discount = world.store.add(
        {
            "id": world.ids.new("di"),
            "object": "discount",
            "checkout_session": None,
            "customer": customer,
            "end": end,
            "invoice": None,
            "invoice_item": None,
            "promotion_code": code["id"] if code else None,
            "source": {"type": "coupon", "coupon": coupon["id"]},
            "start": now,
            "subscription": subscription,
            "subscription_item": None,
        }
    )
    for redeemed in filter(None, (coupon, code)):
        redeemed["times_redeemed"] += 1
    world.emit("customer.discount.created", discount)
    return str(discount["id"])


def reduction(coupon: Obj, *, subtotal: int) -> int:
    """Return what a coupon takes off; never more than there is."""
    if coupon["percent_off"] is not None:
        off = Decimal(max(0, subtotal)) * Decimal(str(coupon["percent_off"])) / 100
        return int(off.quantize(Decimal(1), rounding=ROUND_HALF_UP))
    return min(max(0, subtotal), int(coupon["amount_off"]))


def amounts(world: World, discounts: list[str], *, lines: list[Obj], at: int) -> list[Obj]:
    """Return what each discount takes off these lines at a moment, one after the other."""
    left, found = sum(line["amount"] for line in lines), []
    for identifier in discounts:
        discount = world.store.get("discount", identifier)
        if discount["end"] is not None and discount["end"] <= at:
            continue
        coupon = world.store.get("coupon", discount["source"]["coupon"])
        amount = reduction(coupon, subtotal=min(left, _good_for(coupon, lines)))
        found.append({"amount": amount, "discount": identifier})
        left -= amount
    return found


def _good_for(coupon: Obj, lines: list[Obj]) -> int:
    products = coupon.get("_products")
    return sum(
        line["amount"]
        for line in lines
        if not products or line["pricing"]["price_details"]["product"] in products
    )


def use_once(world: World, invoice: Obj) -> None:
    """Take discounts of duration `once` off the subscription now that one invoice had them."""
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    subscription = world.store.find("subscription", details.get("subscription"))
    if subscription is None:
        return
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["discounts"] = [
            identifier for identifier in subscription["discounts"] if not _is_spent(world, identifier)
        ]


def _is_spent(world: World, identifier: str) -> bool:
    discount = world.store.get("discount", identifier)
    return bool(world.store.get("coupon", discount["source"]["coupon"])["duration"] == "once")


@included("coupon", "applies_to")
def _applies_to(_store: Store, coupon: Obj) -> Obj | None:
    products = coupon.get("_products")
    return {"products": list(products)} if products else None


_COUPON = (
    "id percent_off amount_off currency duration duration_in_months max_redemptions metadata name redeem_by "
    "applies_to"
)

ROUTES = (
    route("POST /v1/coupons", create_coupon, schema="CouponCreateParams", understood=_COUPON),
    route("GET /v1/coupons", list_coupons, schema="CouponListParams", understood=f"{PAGED} created"),
    route("GET /v1/coupons/<coupon>", retrieve_coupon, schema="CouponRetrieveParams"),
    route(
        "POST /v1/coupons/<coupon>", update_coupon, schema="CouponUpdateParams", understood="name metadata"
    ),
    route("DELETE /v1/coupons/<coupon>", delete_coupon, schema="CouponDeleteParams"),
    route(
        "POST /v1/promotion_codes",
        create_promotion_code,
        schema="PromotionCodeCreateParams",
        understood="promotion code active customer expires_at max_redemptions metadata restrictions",
    ),
    route(
        "GET /v1/promotion_codes",
        list_promotion_codes,
        schema="PromotionCodeListParams",
        understood=f"{PAGED} active code coupon",
    ),
    route(
        "GET /v1/promotion_codes/<promotion_code>",
        retrieve_promotion_code,
        schema="PromotionCodeRetrieveParams",
    ),
    route(
        "POST /v1/promotion_codes/<promotion_code>",
        update_promotion_code,
        schema="PromotionCodeUpdateParams",
        understood="active metadata",
    ),
)
