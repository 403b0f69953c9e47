"""An HTTP client for stripe-python that calls a sandbox in this process: no socket, so histories run fast."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

import stripe
from werkzeug.datastructures import Headers

from billing.sandbox.errors import ResponseDroppedError
from billing.sandbox.sandbox import Sandbox

# Headers that WSGI hands on under a name of their own.
_WITHOUT_PREFIX = {"CONTENT_TYPE", "CONTENT_LENGTH"}


class InProcessClient(stripe.HTTPClient):
    """Carries the SDK's requests straight to a sandbox's WSGI application.

    Exceptions of the sandbox itself come through as they are; a cut connection is a connection error, as on a wire.
    """

    name = "in-process"

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self._app = sandbox.app

    def request(
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None, **_: Any
    ) -> tuple[str, int, Mapping[str, str]]:
        """Make one request."""
        answered: list[Any] = []
        try:
            body = b"".join(
                self._app(
                    _environ(method, url, headers or {}, post_data),
                    lambda status, answer_headers, _trouble=None: answered.extend((status, answer_headers)),
                )
            )
        except ResponseDroppedError:
            raise stripe.APIConnectionError("The connection was cut.", should_retry=True) from None
        status, answer_headers = answered
        return body.decode(), int(status.split()[0]), Headers(answer_headers)

    def _sleep_time_seconds(self, num_retries: int) -> float:
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


def _environ(method: str, url: str, headers: Mapping[str, str], post_data: Any) -> dict[str, Any]:
    """Return the request as a web server would hand it to an application."""
    address = urlsplit(url)
    body = post_data.encode() if isinstance(post_data, str) else post_data or b""
    return {
        "REQUEST_METHOD": method.upper(),
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(address.path),
        "QUERY_STRING": address.query,
        "SERVER_NAME": address.hostname,
        "SERVER_PORT": str(address.port or 80),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": address.netloc,
        "wsgi.url_scheme": address.scheme,
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        **{_name(header): value for header, value in headers.items()},
    }


def _name(header: str) -> str:
    name = header.upper().replace("-", "_")
    return name if name in _WITHOUT_PREFIX else f"HTTP_{name}"
