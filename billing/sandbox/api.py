"""The JSON API under `/v1`: keys, versions, routes, idempotency, faults, and the shape of every answer."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from werkzeug.exceptions import HTTPException, MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from . import (
    catalogue,
    charges,
    checkout,
    customers,
    discounts,
    disputes,
    events,
    fraud_warnings,
    invoices,
    params,
    payment_methods,
    payments,
    refunds,
    setup_intents,
    subscriptions,
)
from .errors import ApiError, ResponseDroppedError, not_simulated
from .faults import Fault
from .idempotency import IdempotencyKeys
from .rendering import show
from .routes import Route, real_name
from .store import Obj
from .world import API_VERSION, Cause, World

_FAMILIES = (
    catalogue,
    customers,
    payment_methods,
    setup_intents,
    payments,
    charges,
    subscriptions,
    invoices,
    refunds,
    disputes,
    fraud_warnings,
    discounts,
    checkout,
    events,
)
ROUTES: tuple[Route, ...] = tuple(entry for family in _FAMILIES for entry in family.ROUTES)
_URLS = Map([Rule(entry.path, methods=[entry.method], endpoint=entry) for entry in ROUTES])


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that got past the door."""

    route: Route
    parts: dict[str, Any]
    tree: params.Params
    request_id: str
    key: str | None


@dataclass(slots=True, kw_only=True)
class Api:
    """Answers API requests on a world. `lock` is held only while the world is read or changed.

    `before` runs under the lock ahead of each request; `check`, if given, is called with every successful answer;
    `sleep` is how a slow answer waits.
    """

    world: World
    lock: threading.RLock
    before: Callable[[], None]
    keys: IdempotencyKeys
    check: Callable[[Obj], None] | None = None
    sleep: Callable[[float], None] = time.sleep

    def answer(self, request: Request) -> Response:
        """Answer one request.

        :raises ResponseDroppedError: a fault says that the caller gets no answer.
        """
        with self.lock:
            request_id = self.world.ids.new("req", length=14)
        try:
            response = self._answer(request, request_id)
        except ApiError as error:
            response = _json(error.body(), status=error.status)
        response.headers["Request-Id"] = request_id
        response.headers["Stripe-Version"] = API_VERSION
        return response

    def _answer(self, request: Request, request_id: str) -> Response:
        _check_key(request)
        _check_version(request)
        found, parts = _match(request)
        pairs = [(name, value) for name, value in _pairs(request)]
        asked = _Asked(found, parts, params.decode(pairs), request_id, request.headers.get("Idempotency-Key"))
        fault = self.world.faults.take("api", f"{request.method} {request.path}")
        if fault and fault.kind == "drop_request":
            raise ResponseDroppedError
        if asked.key is None or request.method != "POST":
            return self._spoilt(asked, fault)
        fingerprint = hashlib.sha256(repr((request.path, sorted(pairs))).encode()).hexdigest()
        known = self.keys.begin(asked.key, fingerprint=fingerprint, now=int(self.world.now()))
        if known is None:
            return self._first_time(asked, asked.key, fault)
        replayed = Response(known.body, status=known.status, mimetype="application/json")
        replayed.headers["Idempotent-Replayed"] = "true"
        replayed.headers["Idempotency-Key"] = asked.key
        return replayed

    def _first_time(self, asked: _Asked, key: str, fault: Fault | None) -> Response:
        try:
            response = self._spoilt(asked, fault, key=key)
        except ApiError as error:
            if error.recorded:
                self.keys.finish(key, status=error.status, body=_json(error.body()).data)
            else:
                self.keys.release(key)
            raise
        except ResponseDroppedError:
            raise
        except BaseException:
            self.keys.release(key)
            raise
        self.keys.finish(key, status=response.status_code, body=response.data)
        response.headers["Idempotency-Key"] = key
        return response

    def _spoilt(self, asked: _Asked, fault: Fault | None, *, key: str | None = None) -> Response:
        if fault and fault.kind == "status":
            raise _fault_error(fault)
        if fault and fault.kind == "slow":
            self.sleep(fault.seconds)
        response = self._serve(asked)
        if fault and fault.kind == "drop_response":
            if key is not None:
                self.keys.finish(key, status=response.status_code, body=response.data)
            raise ResponseDroppedError
        return response

    def _serve(self, asked: _Asked) -> Response:
        route = asked.route
        values = params.read(asked.tree, schema=route.schema, understood=route.understood, route=route.name)
        with self.lock:
            self.before()
            self.world.cause = Cause(asked.request_id, asked.key)
            try:
                result = route.serve(self.world, values, asked.parts)
                shown = show(self.world.store, result, expand=values.get("expand"))
            finally:
                self.world.cause = Cause()
        if self.check:
            self.check(shown)
        return _json(shown)


def _json(body: Obj, *, status: int = 200) -> Response:
    return Response(json.dumps(body, default=str), status=status, mimetype="application/json")


def _pairs(request: Request) -> list[tuple[str, str]]:
    source = request.args if request.method in {"GET", "DELETE"} else request.form
    return [(name, value) for name, values in source.lists() for value in values]


def _check_key(request: Request) -> None:
    kind, _, given = request.headers.get("Authorization", "").partition(" ")
    if kind == "Basic":
        given = base64.b64decode(given).decode(errors="replace").partition(":")[0]
    if given.startswith(("sk_test_", "pk_test_")):
        return
    message = "You did not provide an API key." if not given else f"Invalid API Key provided: {given[:8]}****"
    raise ApiError(
        f"{message} The Stripe sandbox takes test keys (sk_test_…) only.", status=401, recorded=False
    )


def _check_version(request: Request) -> None:
    version = request.headers.get("Stripe-Version", API_VERSION)
    if version != API_VERSION:
        raise ApiError(
            f"Invalid Stripe API version: {version}. The Stripe sandbox speaks {API_VERSION} only."
        )


def _match(request: Request) -> tuple[Route, dict[str, Any]]:
    urls = _URLS.bind_to_environ(request.environ)
    try:
        found, parts = urls.match()
    except (NotFound, MethodNotAllowed):
        name = real_name(request.method, request.path)
        if name:
            raise not_simulated(name) from None
        raise ApiError(
            f"Unrecognized request URL ({request.method}: {request.path}).", status=404, recorded=False
        ) from None
    except HTTPException as error:
        raise ApiError(str(error.description), status=404, recorded=False) from None
    return found, dict(parts)


def _fault_error(fault: Fault) -> ApiError:
    codes = {429: "rate_limit", 409: "lock_timeout"}
    return ApiError(
        f"The sandbox was told to answer {fault.status}.",
        status=fault.status,
        type_="api_error" if fault.status >= 500 else "invalid_request_error",
        code=codes.get(fault.status),
        recorded=fault.recorded,
    )
