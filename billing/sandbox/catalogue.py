"""Products and prices: what is for sale."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from .errors import ApiError, missing, parameter_missing
from .params import Params, merged_metadata
from .routes import PAGED, route
from .store import Obj, page, within
from .world import World

_PRODUCT_TEXTS = ("name", "description", "statement_descriptor", "unit_label", "url")


def create_product(world: World, params: Params) -> Obj:
    """Make a product, and its first price if `default_price_data` is given."""
    if not params.get("name"):
        raise parameter_missing("name")
    identifier = params.get("id") or world.ids.new("prod", length=14)
    if world.store.find("product", identifier):
        raise ApiError("Product already exists.", code="resource_already_exists", param="id")
    now = world.now()
    product = world.store.add(
        {
            "id": identifier,
            "object": "product",
            "active": params.get("active", True),
            "created": now,
            "default_price": None,
            "description": params.get("description") or None,
            "images": params.get("images", []),
            "livemode": False,
            "marketing_features": params.get("marketing_features", []),
            "metadata": params.get("metadata", {}),
            "name": params["name"],
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": params.get("statement_descriptor"),
            "tax_code": None,
            "type": "service",
            "unit_label": params.get("unit_label"),
            "updated": now,
            "url": params.get("url"),
        }
    )
    world.emit("product.created", product)
    if "default_price_data" in params:
        price = create_price(world, {**params["default_price_data"], "product": product["id"]})
        product["default_price"] = price["id"]
    return product


def retrieve_product(world: World, _: Params, product: str) -> Obj:
    return world.store.get("product", product)


def update_product(world: World, params: Params, product: str) -> Obj:
    """Change a product."""
    found = world.store.get("product", product)
    if params.get("default_price"):
        world.store.get("price", params["default_price"], param="default_price")
    with world.changing(found, "product.updated"):
        for name in (*_PRODUCT_TEXTS, "default_price"):
            if name in params:
                found[name] = params[name] or None
        for name in ("active", "images", "marketing_features"):
            if name in params:
                found[name] = params[name] or ([] if name != "active" else params[name])
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
        found["updated"] = world.now()
    return found


def delete_product(world: World, _: Params, product: str) -> Obj:
    """Delete a product that has no prices."""
    found = world.store.get("product", product)
    if any(price["product"] == product for price in world.store.all("price")):
        raise ApiError("This product cannot be deleted because it has one or more user-created prices.")
    world.store.drop(found)
    world.emit("product.deleted", found)
    return {"id": product, "object": "product", "deleted": True}


def list_products(world: World, params: Params) -> Obj:
    wanted = params.get("ids")
    rows = [
        product
        for product in world.store.all("product")
        if (wanted is None or product["id"] in wanted)
        and params.get("active") in {None, product["active"]}
        and within(product["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/products")


def create_price(world: World, params: Params) -> Obj:
    """Make a price, with its product if `product_data` is given."""
    if "currency" not in params:
        raise parameter_missing("currency")
    unit_amount = _unit_amount(params)
    _free_lookup_key(world, params)
    price = world.store.add(
        {
            "id": world.ids.new("price"),
            "object": "price",
            "active": params.get("active", True),
            "billing_scheme": "per_unit",
            "created": world.now(),
            "currency": params["currency"].lower(),
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": params.get("lookup_key") or None,
            "metadata": merged_metadata({}, params.get("metadata")),
            "nickname": params.get("nickname") or None,
            "product": _product_of(world, params),
            "recurring": _recurring(params.get("recurring")),
            "tax_behavior": params.get("tax_behavior", "unspecified"),
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring" if params.get("recurring") else "one_time",
            "unit_amount": unit_amount,
            "unit_amount_decimal": str(unit_amount),
        }
    )
    world.emit("price.created", price)
    return price


def _unit_amount(params: Params) -> int:
    if "unit_amount" in params:
        return int(params["unit_amount"])
    if "unit_amount_decimal" in params:
        return int(Decimal(params["unit_amount_decimal"]))
    raise parameter_missing("unit_amount")


def _product_of(world: World, params: Params) -> str:
    if "product_data" in params:
        return str(create_product(world, params["product_data"])["id"])
    if "product" not in params:
        raise parameter_missing("product")
    return str(world.store.get("product", params["product"], param="product")["id"])


def _free_lookup_key(world: World, params: Params) -> None:
    key = params.get("lookup_key")
    if not key:
        return
    for price in world.store.all("price"):
        if price["lookup_key"] != key:
            continue
        if not params.get("transfer_lookup_key"):
            raise ApiError(
                f"A price (`{price['id']}`) already uses that lookup key.",
                code="resource_already_exists",
                param="lookup_key",
            )
        with world.changing(price, "price.updated"):
            price["lookup_key"] = None


def _recurring(given: Any) -> Obj | None:
    if not given:
        return None
    if "interval" not in given:
        raise parameter_missing("recurring[interval]")
    return {
        "interval": given["interval"],
        "interval_count": given.get("interval_count", 1),
        "meter": None,
        "trial_period_days": None,
        "usage_type": given.get("usage_type", "licensed"),
    }


def retrieve_price(world: World, _: Params, price: str) -> Obj:
    return world.store.get("price", price)


def update_price(world: World, params: Params, price: str) -> Obj:
    """Change what may be changed of a price; never its amount."""
    found = world.store.get("price", price)
    if params.get("lookup_key") and params["lookup_key"] != found["lookup_key"]:
        _free_lookup_key(world, params)
    if (
        params.get("active") is False
        and world.store.get("product", found["product"])["default_price"] == price
    ):
        raise ApiError(
            "This price cannot be archived because it is the default price of its product.", param="active"
        )
    with world.changing(found, "price.updated"):
        if "active" in params:
            found["active"] = params["active"]
        for name in ("lookup_key", "nickname"):
            if name in params:
                found[name] = params[name] or None
        found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    return found


def list_prices(world: World, params: Params) -> Obj:
    keys = params.get("lookup_keys")
    recurring = params.get("recurring", {})
    rows = [
        price
        for price in world.store.all("price")
        if (keys is None or price["lookup_key"] in keys)
        and params.get("active") in {None, price["active"]}
        and params.get("product") in {None, price["product"]}
        and params.get("currency") in {None, price["currency"]}
        and params.get("type") in {None, price["type"]}
        and recurring.items() <= (price["recurring"] or {}).items()
        and within(price["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/prices")


def usable_price(world: World, identifier: str | None, *, param: str) -> Obj:
    """Return an active price.

    :raises ApiError: there is none, or it is no longer sold.
    """
    if not identifier:
        raise parameter_missing(param)
    price = world.store.find("price", identifier)
    if price is None:
        raise missing("price", identifier, param=param)
    if not price["active"]:
        raise ApiError(
            f"The price specified is inactive. This field only accepts active prices: {identifier}",
            param=param,
        )
    return price


_PRODUCT = "name active description images marketing_features metadata statement_descriptor unit_label url"
_PRICE = "active lookup_key metadata nickname transfer_lookup_key"

ROUTES = (
    route(
        "POST /v1/products",
        create_product,
        schema="ProductCreateParams",
        understood=f"{_PRODUCT} id default_price_data",
    ),
    route(
        "GET /v1/products",
        list_products,
        schema="ProductListParams",
        understood=f"{PAGED} ids active created",
    ),
    route("GET /v1/products/<product>", retrieve_product, schema="ProductRetrieveParams"),
    route(
        "POST /v1/products/<product>",
        update_product,
        schema="ProductUpdateParams",
        understood=f"{_PRODUCT} default_price",
    ),
    route("DELETE /v1/products/<product>", delete_product, schema="ProductDeleteParams"),
    route(
        "POST /v1/prices",
        create_price,
        schema="PriceCreateParams",
        understood=f"{_PRICE} currency product product_data recurring unit_amount unit_amount_decimal tax_behavior",
    ),
    route(
        "GET /v1/prices",
        list_prices,
        schema="PriceListParams",
        understood=f"{PAGED} lookup_keys active product currency type recurring created",
    ),
    route("GET /v1/prices/<price>", retrieve_price, schema="PriceRetrieveParams"),
    route("POST /v1/prices/<price>", update_price, schema="PriceUpdateParams", understood=_PRICE),
)
