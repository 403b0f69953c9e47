"""Early warnings of fraud: a bank says that it expects a charge to be disputed."""

from __future__ import annotations

from .params import Params
from .routes import PAGED, route
from .store import Obj, Store, page, within
from .world import World


def warn(world: World, charge: Obj, *, fraud_type: str = "unauthorized_use_of_card") -> Obj:
    """Let the bank warn of a successful charge."""
    warning = world.store.add(
        {
            "id": world.ids.new("issfr"),
            "object": "radar.early_fraud_warning",
            "actionable": not (charge["disputed"] or charge["refunded"]),
            "charge": charge["id"],
            "created": world.now(),
            "fraud_type": fraud_type,
            "livemode": False,
            "payment_intent": charge["payment_intent"],
        }
    )
    world.emit("radar.early_fraud_warning.created", warning)
    return warning


def retrieve(world: World, _: Params, warning: str) -> Obj:
    return _as_it_is(world.store, world.store.get("radar.early_fraud_warning", warning))


def list_all(world: World, params: Params) -> Obj:
    rows = [
        _as_it_is(world.store, warning)
        for warning in world.store.all("radar.early_fraud_warning")
        if params.get("charge") in {None, warning["charge"]}
        and params.get("payment_intent") in {None, warning["payment_intent"]}
        and within(warning["created"], params.get("created"))
    ]
    return page(rows, params=params, url="/v1/radar/early_fraud_warnings")


def _as_it_is(store: Store, warning: Obj) -> Obj:
    """Nothing can be done any more about a charge that was disputed or wholly given back."""
    charge = store.get("charge", warning["charge"])
    warning["actionable"] = not (charge["disputed"] or charge["refunded"])
    return warning


ROUTES = (
    route(
        "GET /v1/radar/early_fraud_warnings",
        list_all,
        schema="radar.EarlyFraudWarningListParams",
        understood=f"{PAGED} charge payment_intent created",
    ),
    route(
        "GET /v1/radar/early_fraud_warnings/<warning>",
        retrieve,
        schema="radar.EarlyFraudWarningRetrieveParams",
    ),
)
