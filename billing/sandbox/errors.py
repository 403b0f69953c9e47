"""Refusals in Stripe's own words: one exception, and a maker for each kind of error body."""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A request that Stripe would answer with an error body.

    `recorded` tells whether an idempotency key keeps the answer: Stripe records what happened once an endpoint
    has begun its work, not a refusal at the door.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        type_: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        recorded: bool = True,
        **extra: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.recorded = recorded
        fields = {"code": code, "message": message, "param": param, "type": type_, **extra}
        self.error = {key: value for key, value in fields.items() if value is not None}

    def body(self) -> dict[str, Any]:
        """Return the JSON document that carries this error."""
        error = dict(self.error)
        if "code" in error:
            error["doc_url"] = f"https://stripe.com/docs/error-codes/{error['code'].replace('_', '-')}"
        return {"error": error}


class ResponseDroppedError(Exception):
    """A fault says that the connection is cut: the caller never hears what was done, or that nothing was."""


def missing(kind: str, identifier: str, *, param: str = "id") -> ApiError:
    """Return Stripe's "No such customer: 'cus_…'". It is a 404 for the object in the path, else a 400."""
    return ApiError(
        f"No such {kind.replace('_', ' ')}: '{identifier}'",
        status=404 if param == "id" else 400,
        code="resource_missing",
        param=param,
    )


def parameter_missing(param: str) -> ApiError:
    return ApiError(
        f"Missing required param: {param}.", code="parameter_missing", param=param, recorded=False
    )


def parameter_unknown(param: str) -> ApiError:
    return ApiError(
        f"Received unknown parameter: {param}", code="parameter_unknown", param=param, recorded=False
    )


def not_simulated(what: str) -> ApiError:
    """Return the one error that is ours and not Stripe's: real there, missing here."""
    return ApiError(
        f"The Stripe sandbox does not simulate {what}.",
        status=501,
        type_="api_error",
        code="not_simulated",
        recorded=False,
    )
