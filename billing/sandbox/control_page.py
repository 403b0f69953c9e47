"""The control page for people: the same controls as `/_control/`, as buttons. Works without a script."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from werkzeug.wrappers import Request, Response

from . import cards, html
from .clock import DAY
from .control import comes_from_here
from .errors import ApiError
from .faults import Fault
from .lifecycle import ENDED, period_of
from .machine import Machine
from .payment_methods import owned_by
from .store import Obj

_EVENTS_SHOWN = 40
_SPANS: dict[str, dict[str, Any]] = {
    "hour": {"seconds": 3600},
    "day": {"seconds": DAY},
    "week": {"seconds": 7 * DAY},
    "month": {"months": 1},
}


class ControlPage:
    """Serves `/` and the forms on it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._said = ""
        self._deeds: dict[str, Callable[[Request], str]] = {
            "/do/advance": self._advance,
            "/do/card": self._swap_card,
            "/do/decline": self._decline_next,
            "/do/resend": self._resend,
        }

    def answer(self, request: Request) -> Response:
        """Show the page, or do what one of its buttons says and show it again."""
        if not comes_from_here(request):
            return _plain("Not from here", "The sandbox is controlled from its own machine only.", status=403)
        deed = self._deeds.get(request.path)
        if deed is not None and request.method == "POST":
            try:
                self._said = deed(request)
            except (LookupError, ApiError) as error:
                self._said = f"That did not work: {error}"
            return html.redirect("/")
        if request.path == "/" and request.method in {"GET", "HEAD"}:
            return self._page()
        return _plain("Nothing here", "The sandbox has no such page.", status=404)

    def _advance(self, request: Request) -> str:
        span = request.form.get("span", "day")
        now = self._machine.advance(**_SPANS[span])
        return f"Advanced by a{'n' if span == 'hour' else ''} {span}. It is now {_moment(now)}."

    def _swap_card(self, request: Request) -> str:
        card = request.form.get("card", "0341")
        self._machine.swap_card(request.form.get("customer", ""), card=card)
        return f"The card on file now ends in {card[-4:]}."

    def _decline_next(self, request: Request) -> str:
        customer = request.form.get("customer") or "*"
        self._machine.world.faults.add(Fault(target="charge", kind="decline", match=customer))
        return "The next charge will be declined."

    def _resend(self, request: Request) -> str:
        event = request.form.get("event") or self._last_event()
        return f"Sent {event} again to {self._machine.resend(event)} endpoint(s)."

    def _last_event(self) -> str:
        with self._machine.lock:
            return next(reversed(list(self._machine.world.store.kinds.get("event", {}))), "")

    def _page(self) -> Response:
        said, self._said = self._said, ""
        with self._machine.lock:
            self._machine.run_due()
            store = self._machine.world.store
            values: dict[str, Any] = {
                "now": _moment(self._machine.world.now()),
                "ahead": _span(self._machine.world.clock.offset),
                "readers": [self._reader(customer) for customer in store.all("customer")][::-1],
                "sessions": [
                    _session(entry) for entry in store.all("checkout.session") if entry["status"] == "open"
                ],
                "events": [dict(entry) for entry in list(store.all("event"))[-_EVENTS_SHOWN:][::-1]],
            }
        values["events"] = [self._event(entry) for entry in values["events"]]
        return html.page(
            "control.html",
            said=said,
            pending=self._machine.webhooks.pending(),
            faults=self._machine.world.faults.listed(),
            swaps=[card for card in cards.CARDS if card.attach is None],
            webhook_url=self._machine.webhook_url or "",
            **values,
        )

    def _reader(self, customer: Obj) -> dict[str, Any]:
        store = self._machine.world.store
        saved = [
            f"{method['card']['brand']} {method['card']['last4']}"
            for method in owned_by(self._machine.world, customer["id"])
        ]
        subscriptions = [
            _subscription(store.get("price", entry["items"]["data"][0]["price"]), entry)
            for entry in store.all("subscription")
            if entry["customer"] == customer["id"]
        ]
        return {
            "id": customer["id"],
            "email": customer["email"] or "",
            "deleted": bool(customer.get("_deleted")),
            "cards": ", ".join(saved),
            "subscriptions": subscriptions[::-1],
            "owed": [_owed(entry) for entry in store.all("invoice") if _is_owed(entry, customer)],
        }

    def _event(self, event: Obj) -> dict[str, Any]:
        deliveries = self._machine.webhooks.outcome(event["id"])
        sent = ", ".join(f"{entry['state']} ({entry['answer'] or 'not tried'})" for entry in deliveries)
        return {
            "id": event["id"],
            "type": event["type"],
            "object": event["data"]["object"].get("id", ""),
            "at": _moment(event["created"]),
            "sent": sent or "no endpoint",
        }


def _subscription(price: Obj, subscription: Obj) -> dict[str, Any]:
    end = period_of(subscription)[1]
    if subscription["status"] in ENDED:
        until = f"ended {_moment(subscription['ended_at'])}"
    elif subscription["cancel_at"]:
        until = f"ends {_moment(subscription['cancel_at'])}"
    else:
        until = f"renews {_moment(end)}"
    return {
        "id": subscription["id"],
        "status": subscription["status"],
        "price": price["lookup_key"] or price["id"],
        "until": until,
        "live": subscription["status"] not in ENDED,
    }


def _is_owed(invoice: Obj, customer: Obj) -> bool:
    return bool(invoice["customer"] == customer["id"] and invoice["status"] in {"draft", "open"})


def _owed(invoice: Obj) -> dict[str, Any]:
    due = invoice["next_payment_attempt"] or invoice["automatically_finalizes_at"]
    return {
        "amount": html.money(invoice["amount_remaining"], invoice["currency"]),
        "status": invoice["status"],
        "url": invoice["hosted_invoice_url"] or "",
        "next": f"next try {_moment(due)}" if due else "no further try",
    }


def _session(session: Obj) -> dict[str, Any]:
    return {"mode": session["mode"], "url": session["url"], "customer": session["customer"] or ""}


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%a %d %b %Y, %H:%M UTC")


def _span(seconds: float) -> str:
    days, rest = divmod(int(seconds), DAY)
    return f"{days} days, {rest // 3600} h" if days else f"{rest // 3600} h {rest % 3600 // 60} min"


def _plain(title: str, text: str, *, status: int) -> Response:
    return html.page("message.html", status=status, title=title, text=text)
