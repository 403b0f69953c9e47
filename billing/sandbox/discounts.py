"""Coupons, promotion codes, and the discounts they turn into."""

from __future__ import annotations

from .clock import add_interval
from .errors import ApiError, missing, parameter_missing
from .params import Params, merged_metadata
from .routes import PAGED, route
from .store import Obj, page, within
from .world import World


def create_coupon(world: World, params: Params) -> Obj:
    """Make a coupon."""
    if ("percent_off" in params) == ("amount_off" in params):
        raise ApiError("You must pass exactly one of `percent_off` or `amount_off`.", param="percent_off")
    identifier = params.get("id") or world.ids.token(length=8)
    if world.store.find("coupon", identifier):
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
    code = world.store.add(
        {
            "id": world.ids.new("promo"),
            "object": "promotion_code",
            "active": params.get("active", True),
            "code": params.get("code") or world.ids.token(length=8).upper(),
            "created": world.now(),
            "customer": params.get("customer"),
            "expires_at": params.get("expires_at"),
            "livemode": False,
            "max_redemptions": params.get("max_redemptions"),
            "metadata": params.get("metadata", {}),
            "promotion": {"type": "coupon", "coupon": coupon},
            "restrictions": {
                "first_time_transaction": False,
                "minimum_amount": None,
                "minimum_amount_currency": None,
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
    with world.changing(found, "promotion_code.updated"):
        found["active"] = params.get("active", found["active"])
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    return found


def list_promotion_codes(world: World, params: Params) -> Obj:
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
    codes = world.store.all("promotion_code")
    return next((code for code in codes if code["active"] and code["code"].casefold() == wanted), None)


def coupon_of(world: World, given: Params, *, param: str) -> tuple[Obj, Obj | None]:
    """Return the coupon that `{coupon: …}` or `{promotion_code: …}` names, and the code.

    :raises ApiError: there is none, or it cannot be used any more.
    """
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
    if not _redeemable(coupon, now=world.now()):
        raise ApiError(f"Coupon expired: {identifier}", code="coupon_expired", param=param)
    return coupon, code


def _redeemable(coupon: Obj, *, now: int) -> bool:
    if not coupon["valid"] or (coupon["redeem_by"] or now) < now:
        return False
    return coupon["max_redemptions"] is None or coupon["times_redeemed"] < coupon["max_redemptions"]


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
        return round(max(0, subtotal) * float(coupon["percent_off"]) / 100)
    return min(max(0, subtotal), int(coupon["amount_off"]))


def amounts(world: World, discounts: list[str], *, subtotal: int) -> list[Obj]:
    """Return what each discount takes off a subtotal, one after the other."""
    left, found = subtotal, []
    for identifier in discounts:
        discount = world.store.get("discount", identifier)
        if discount["end"] is not None and discount["end"] <= world.now():
            continue
        amount = reduction(world.store.get("coupon", discount["source"]["coupon"]), subtotal=left)
        found.append({"amount": amount, "discount": identifier})
        left -= amount
    return found


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


_COUPON = (
    "id percent_off amount_off currency duration duration_in_months max_redemptions metadata name redeem_by"
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
        understood="promotion code active customer expires_at max_redemptions metadata",
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
