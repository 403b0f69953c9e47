"""Reading events back, and the webhook endpoints that they are sent to."""

from __future__ import annotations

import fnmatch

from .errors import ApiError, parameter_missing
from .params import Params, merged_metadata
from .routes import PAGED, route
from .store import Obj, page, within
from .world import API_VERSION, World


def retrieve(world: World, _: Params, event: str) -> Obj:
    return world.store.get("event", event)


def list_all(world: World, params: Params) -> Obj:
    """List events, newest first.

    :raises ApiError: both `type` and `types`, or more than twenty types.
    """
    types = params.get("types")
    if types and "type" in params:
        raise ApiError("You may only specify one of these parameters: type, types.")
    if types and len(types) > 20:
        raise ApiError("Invalid array: exceeded maximum number of elements. Maximum is 20.", param="types")
    wanted = types or ([params["type"]] if "type" in params else ["*"])
    rows = [
        event
        for event in world.store.all("event")
        if any(fnmatch.fnmatchcase(event["type"], pattern) for pattern in wanted)
        and within(event["created"], params.get("created"))
        and params.get("delivery_success") in {None, not event["pending_webhooks"]}
    ]
    return page(rows, params=params, url="/v1/events")


def endpoints_for(world: World, event: Obj) -> list[Obj]:
    """Return the enabled webhook endpoints that want this event."""
    return [
        endpoint
        for endpoint in world.store.all("webhook_endpoint")
        if endpoint["status"] == "enabled" and {"*", event["type"]} & set(endpoint["enabled_events"])
    ]


def new_endpoint(world: World, *, url: str, secret: str, enabled_events: list[str]) -> Obj:
    """Keep a webhook endpoint. Its secret is shown once, by `create_endpoint`."""
    return world.store.add(
        {
            "id": world.ids.new("we"),
            "object": "webhook_endpoint",
            "api_version": API_VERSION,
            "application": None,
            "created": world.now(),
            "description": None,
            "enabled_events": enabled_events,
            "livemode": False,
            "metadata": {},
            "status": "enabled",
            "url": url,
            "_secret": secret,
        }
    )


def create_endpoint(world: World, params: Params) -> Obj:
    """Make a webhook endpoint and show its signing secret, this once."""
    for name in ("url", "enabled_events"):
        if not params.get(name):
            raise parameter_missing(name)
    if params.get("api_version", API_VERSION) != API_VERSION:
        raise ApiError(f"The Stripe sandbox speaks {API_VERSION} only.", param="api_version")
    secret = f"whsec_{world.ids.token(length=32)}"
    endpoint = new_endpoint(world, url=params["url"], secret=secret, enabled_events=params["enabled_events"])
    endpoint["description"] = params.get("description")
    endpoint["metadata"] = params.get("metadata") or {}
    return {**endpoint, "secret": secret}


def retrieve_endpoint(world: World, _: Params, webhook_endpoint: str) -> Obj:
    return world.store.get("webhook_endpoint", webhook_endpoint)


def update_endpoint(world: World, params: Params, webhook_endpoint: str) -> Obj:
    found = world.store.get("webhook_endpoint", webhook_endpoint)
    for name in ("url", "enabled_events", "description"):
        if name in params:
            found[name] = params[name]
    if "disabled" in params:
        found["status"] = "disabled" if params["disabled"] else "enabled"
    found["metadata"] = merged_metadata(found["metadata"], params.get("metadata"))
    return found


def delete_endpoint(world: World, _: Params, webhook_endpoint: str) -> Obj:
    world.store.drop(world.store.get("webhook_endpoint", webhook_endpoint))
    return {"id": webhook_endpoint, "object": "webhook_endpoint", "deleted": True}


def list_endpoints(world: World, params: Params) -> Obj:
    return page(list(world.store.all("webhook_endpoint")), params=params, url="/v1/webhook_endpoints")


ROUTES = (
    route(
        "GET /v1/events",
        list_all,
        schema="EventListParams",
        understood=f"{PAGED} type types created delivery_success",
    ),
    route("GET /v1/events/<event>", retrieve, schema="EventRetrieveParams"),
    route(
        "POST /v1/webhook_endpoints",
        create_endpoint,
        schema="WebhookEndpointCreateParams",
        understood="url enabled_events api_version description metadata",
    ),
    route("GET /v1/webhook_endpoints", list_endpoints, schema="WebhookEndpointListParams", understood=PAGED),
    route(
        "GET /v1/webhook_endpoints/<webhook_endpoint>",
        retrieve_endpoint,
        schema="WebhookEndpointRetrieveParams",
    ),
    route(
        "POST /v1/webhook_endpoints/<webhook_endpoint>",
        update_endpoint,
        schema="WebhookEndpointUpdateParams",
        understood="url enabled_events description metadata disabled",
    ),
    route(
        "DELETE /v1/webhook_endpoints/<webhook_endpoint>",
        delete_endpoint,
        schema="WebhookEndpointDeleteParams",
    ),
)
