"""Turning templates into pages. Django's template engine stands alone here: no settings, escaping on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.template import Context, Engine
from werkzeug.wrappers import Response

_ENGINE = Engine(dirs=[str(Path(__file__).parent / "templates")], autoescape=True)
_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; form-action *; base-uri 'none'; frame-ancestors 'none'"
)


def page(template: str, *, status: int = 200, **values: Any) -> Response:
    """Return a page made from a template. Values that are numbers are shown plainly."""
    context = Context(values, use_l10n=False, use_tz=False)
    body = _ENGINE.get_template(template).render(context)
    response = Response(body, status=status, mimetype="text/html")
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "same-origin"
    return response


def redirect(url: str) -> Response:
    """Send the browser on with a GET."""
    return Response("", status=303, headers={"Location": url, "Cache-Control": "no-store"})


def money(amount: int, currency: str) -> str:
    """Return an amount in minor units as text."""
    digits = 0 if currency in {"jpy", "krw", "vnd", "clp", "isk"} else 2
    sign = {"eur": "€", "usd": "$", "gbp": "£"}.get(currency, f"{currency.upper()} ")
    return f"{'-' if amount < 0 else ''}{sign}{abs(amount) / 10**digits:,.{digits}f}"
