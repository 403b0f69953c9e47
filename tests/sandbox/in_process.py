"""An HTTP client for stripe-python that calls a sandbox in this process: no socket, so histories run fast."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import stripe
from werkzeug.test import Client

from billing.sandbox.errors import ResponseDroppedError
from billing.sandbox.sandbox import Sandbox


class InProcessClient(stripe.HTTPClient):
    """Carries the SDK's requests straight to a sandbox's WSGI application.

    Exceptions of the sandbox itself come through as they are; a dropped response is a connection error, as on a wire.
    """

    name = "in-process"

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self._client = Client(sandbox.app)

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        """Make one request."""
        try:
            response = self._client.open(
                url, method=method.upper(), headers=dict(headers or {}), data=post_data
            )
        except ResponseDroppedError:
            raise stripe.APIConnectionError("The response was dropped.", should_retry=True) from None
        return response.get_data(as_text=True), response.status_code, response.headers

    def _sleep_time_seconds(self, num_retries: int) -> float:  # noqa: ARG002  the SDK calls it so
        return 0.0

    def close(self) -> None:
        """Nothing is open."""


def client_for(sandbox: Sandbox, *, max_network_retries: int = 0) -> stripe.StripeClient:
    """Return a real StripeClient that speaks to a sandbox in this process."""
    return stripe.StripeClient(
        "sk_test_sandbox",
        stripe_version=stripe.api_version,
        base_addresses={"api": "http://localhost:8002"},
        max_network_retries=max_network_retries,
        http_client=InProcessClient(sandbox),
    )
