"""The pages that a reader's browser sees: hosted checkout, and the page of an open invoice. Plain HTML, no script."""

from __future__ import annotations

import re
from dataclasses import dataclass

from werkzeug.wrappers import Request, Response

from . import cards, checkout, completion, html, invoices, invoicing
from .cards import Answer, Decline, TestCard
from .errors import ApiError
from .machine import Machine
from .payment_methods import attach_to, new_card
from .store import Obj

_UNKNOWN = "This card number is not one of the test cards. Try 4242 4242 4242 4242."
_REFUSED = "We are unable to authenticate your card. Please choose a different card and try again."


@dataclass(frozen=True, slots=True)
class _Card:
    """What was typed into the form, if it makes sense; else `problem` says why not."""

    test: TestCard | None
    expires: tuple[int, int] | None
    problem: str = ""


def _typed_card(request: Request) -> _Card:
    number = request.form.get("card_number", "")
    digits = re.sub(r"\D", "", number)
    test = cards.by_number(digits) if len(digits) > 4 else None
    if test is None:
        return _Card(None, None, _UNKNOWN)
    expiry = re.fullmatch(r"\s*(\d{1,2})\s*[/\-. ]\s*(?:20)?(\d{2})\s*", request.form.get("exp", ""))
    if not expiry or not 1 <= int(expiry[1]) <= 12:
        return _Card(test, None, "Your card's expiration date is incomplete. Write it as MM / YY.")
    if not re.fullmatch(r"\s*\d{3,4}\s*", request.form.get("cvc", "")):
        return _Card(test, None, "Your card's security code is incomplete.")
    return _Card(test, (int(expiry[1]), 2000 + int(expiry[2])))


class CheckoutPages:
    """Serves `/c/pay/<session>` and `/i/<invoice>`, to look at and to submit, and `/receipts/<charge>`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._world = machine.world

    def answer(self, request: Request) -> Response:
        """Answer a request for one of the pages."""
        steps = request.path.strip("/").split("/")
        with self._machine.lock:
            self._machine.run_due()
            if steps[:2] == ["c", "pay"] and len(steps) == 3:
                return self._session(request, self._world.store.find("checkout.session", steps[2]))
            if steps[0] == "i" and len(steps) == 2:
                return self._invoice(request, self._world.store.find("invoice", steps[1]))
            if steps[0] == "receipts" and len(steps) == 2:
                return _receipt(self._world.store.find("charge", steps[1]))
        return _message("Nothing here", "The sandbox has no such page.", status=404)

    def _session(self, request: Request, session: Obj | None) -> Response:
        if session is None:
            return _message("Something went wrong", "This page belongs to no checkout session.", status=404)
        if session["status"] == "complete":
            # The second of two submissions is sent where the first one was: nothing is paid twice.
            if request.method == "POST":
                return html.redirect(_success_url(session))
            return _message("All done here", "This checkout session is complete.", link=_success_url(session))
        if session["status"] == "expired":
            text = "This checkout session has expired."
            return _message("Expired", text, link=session["cancel_url"] or "")
        if request.method != "POST":
            return self._form(session)
        if request.form.get("action") == "code":
            return self._apply_code(request, session)
        if request.form.get("action") == "quantity":
            return self._apply_quantity(request, session)
        if "decision" in request.form:
            return self._decide(request, session)
        return self._submit(request, session)

    def _apply_code(self, request: Request, session: Obj) -> Response:
        if checkout.use_promotion_code(self._world, session, request.form.get("promotion_code", "")):
            return self._form(session)
        return self._form(session, problem="This code is invalid.", status=400)

    def _apply_quantity(self, request: Request, session: Obj) -> Response:
        if checkout.use_quantity(self._world, session, request.form.get("quantity", "")):
            return self._form(session)
        return self._form(session, problem="This quantity is not offered.", status=400)

    def _submit(self, request: Request, session: Obj) -> Response:
        if session["mode"] != "setup" and not session["customer_details"]:
            email = request.form.get("email", "").strip()
            if "@" not in email:
                return self._form(session, problem="Your email is incomplete.", status=400)
            session["customer_details"] = {
                **checkout.NO_DETAILS,
                "email": email,
                "tax_exempt": "none",
                "tax_ids": [],
            }
        if request.form.get("action") == "without_card" and not completion.needs_card(session):
            completion.complete(self._world, session, None, expires=None, confirmed=False)
            return html.redirect(_success_url(session))
        card = _typed_card(request)
        if card.test is None or card.problem:
            return self._form(session, problem=card.problem, status=400)
        return self._try(session, card.test, card.expires, confirmed=False)

    def _decide(self, request: Request, session: Obj) -> Response:
        asked = session.pop("_asked", None)
        if asked is None:
            return self._form(session)
        if request.form["decision"] != "confirm":
            return self._form(session, problem=_REFUSED, status=402)
        test = cards.by_number(asked["number"])
        if test is None:
            return self._form(session, problem=_UNKNOWN, status=400)
        return self._try(session, test, tuple(asked["expires"]), confirmed=True)

    def _try(
        self, session: Obj, test: TestCard, expires: tuple[int, int] | None, *, confirmed: bool
    ) -> Response:
        answer = completion.complete(self._world, session, test, expires=expires, confirmed=confirmed)
        if isinstance(answer, Decline):
            return self._form(session, problem=answer.message, status=402)
        if answer is Answer.CONFIRM:
            session["_asked"] = {"number": test.number, "expires": expires}
            return _confirm_step(_due_text(session), url=f"/c/pay/{session['id']}")
        return html.redirect(_success_url(session))

    def _form(self, session: Obj, *, problem: str = "", status: int = 200) -> Response:
        lines = [
            {
                "name": line["description"],
                "quantity": line["quantity"],
                "adjustable": line["adjustable_quantity"],
                "amount": html.money(line["amount_subtotal"], line["currency"]) + _per(line["price"]),
            }
            for line in session["_line_items"]
        ]
        off = (session["total_details"] or {}).get("amount_discount", 0)
        return html.page(
            "checkout.html",
            status=status,
            problem=problem,
            lines=lines,
            off=html.money(off, session["currency"]) if off else "",
            total=_due_text(session),
            mode=session["mode"],
            email=(session["customer_details"] or {}).get("email", ""),
            asks_email=session["mode"] != "setup" and not session["customer_details"],
            asks_code=bool(session["allow_promotion_codes"]),
            needs_card=completion.needs_card(session),
            trial=bool(session["_trial_end"]),
            cancel_url=session["cancel_url"] or "",
            button={"subscription": "Subscribe", "setup": "Save card"}.get(session["mode"], "Pay"),
            cards=cards.CARDS,
        )

    def _invoice(self, request: Request, invoice: Obj | None) -> Response:
        if invoice is None or invoice["status"] == "draft":
            return _message("Something went wrong", "There is no such invoice.", status=404)
        if invoice["status"] != "open":
            return _message("Invoice", f"Invoice {invoice['number']} is {invoice['status']}.")
        if request.method != "POST":
            return self._invoice_form(invoice)
        if "decision" in request.form:
            return self._decide_invoice(request, invoice)
        card = _typed_card(request)
        if card.test is None or card.problem:
            return self._invoice_form(invoice, problem=card.problem, status=400)
        return self._pay_invoice(invoice, card.test, card.expires)

    def _pay_invoice(self, invoice: Obj, test: TestCard, expires: tuple[int, int] | None) -> Response:
        method = new_card(self._world, test, expires=expires, email=invoice["customer_email"])
        try:
            attach_to(self._world, method, invoice["customer"])
        except ApiError as error:
            return self._invoice_form(invoice, problem=str(error), status=402)
        return self._charge_invoice(invoice, method, confirmed=False)

    def _decide_invoice(self, request: Request, invoice: Obj) -> Response:
        """Confirm, or refuse, the payment that the invoice's card asks to be confirmed."""
        intent = invoicing.intent_of(self._world, invoice)
        method = self._world.store.find("payment_method", intent["payment_method"]) if intent else None
        if method is None or intent is None or intent["status"] != "requires_action":
            return self._invoice_form(invoice)
        if request.form["decision"] == "confirm":
            return self._charge_invoice(invoice, method, confirmed=True)
        return self._invoice_form(invoice, problem=_REFUSED, status=402)

    def _charge_invoice(self, invoice: Obj, method: Obj, *, confirmed: bool) -> Response:
        try:
            invoices.pay_with(self._world, invoice, method, on_session=True, confirmed=confirmed)
        except ApiError as error:
            if error.error.get("code") == "invoice_payment_intent_requires_action":
                due = html.money(invoice["amount_remaining"], invoice["currency"])
                return _confirm_step(due, url=f"/i/{invoice['id']}")
            return self._invoice_form(invoice, problem=str(error), status=402)
        return html.redirect(f"/i/{invoice['id']}")

    def _invoice_form(self, invoice: Obj, *, problem: str = "", status: int = 200) -> Response:
        intent = invoicing.intent_of(self._world, invoice)
        return html.page(
            "invoice.html",
            status=status,
            problem=problem,
            number=invoice["number"],
            total=html.money(invoice["amount_remaining"], invoice["currency"]),
            waits=bool(intent and intent["status"] == "requires_action"),
            lines=[
                {"name": line["description"], "amount": html.money(line["amount"], line["currency"])}
                for line in invoice["lines"]["data"]
            ],
            cards=cards.CARDS,
        )


def _receipt(charge: Obj | None) -> Response:
    if charge is None or not charge["paid"]:
        return _message("Something went wrong", "There is no such receipt.", status=404)
    amount = html.money(charge["amount"], charge["currency"])
    back = html.money(charge["amount_refunded"], charge["currency"])
    text = f"{amount} was paid." + (f" {back} was refunded." if charge["amount_refunded"] else "")
    return _message("Receipt", text)


def _success_url(session: Obj) -> str:
    return str(session["success_url"]).replace("{CHECKOUT_SESSION_ID}", session["id"])


def _due_text(session: Obj) -> str:
    return html.money(session["amount_total"], session["currency"]) if session["mode"] != "setup" else ""


def _per(price: Obj) -> str:
    recurring = price["recurring"]
    if not recurring:
        return ""
    count = recurring["interval_count"]
    return f" per {recurring['interval']}" if count == 1 else f" every {count} {recurring['interval']}s"


def _confirm_step(amount: str, *, url: str) -> Response:
    return html.page("confirm.html", amount=amount, url=url)


def _message(title: str, text: str, *, link: str = "", status: int = 200) -> Response:
    return html.page("message.html", status=status, title=title, text=text, link=link)
