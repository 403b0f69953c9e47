"""The controls of a sandbox as JSON over HTTP, for tests and for the demo's scripts: everything under `/_control/`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from .cards import Answer, Decline
from .errors import ApiError
from .faults import fault_from
from .machine import Machine

Document = dict[str, Any]
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def comes_from_here(request: Request) -> bool:
    """Tell whether a request was made by this machine's own pages or programs, not by a foreign page in a browser."""
    host = urlsplit(f"//{request.host}").hostname
    origin = request.headers.get("Origin")
    return host in _LOOPBACK and (origin is None or urlsplit(origin).hostname in _LOOPBACK)


class Control:
    """Serves `/_control/…`."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        posts: dict[str, Callable[..., Document]] = {
            "/_control/advance": self._advance,
            "/_control/card": self._card,
            "/_control/faults": self._add_fault,
            "/_control/events/<event>/resend": self._resend,
            "/_control/checkout/<session>/complete": self._complete,
            "/_control/charges/<charge>/dispute": self._dispute,
            "/_control/charges/<charge>/warn": self._warn,
            "/_control/reset": self._reset,
        }
        gets: dict[str, Callable[..., Document]] = {
            "/_control/state": self._state,
            "/_control/clock": self._clock,
            "/_control/deliveries": self._deliveries,
            "/_control/faults": self._list_faults,
        }
        rules = [Rule(path, methods=["POST"], endpoint=serve) for path, serve in posts.items()]
        rules += [Rule(path, methods=["GET"], endpoint=serve) for path, serve in gets.items()]
        rules.append(Rule("/_control/faults", methods=["DELETE"], endpoint=self._clear_faults))
        self._urls = Map(rules)

    def answer(self, request: Request) -> Response:
        """Answer one request; a refusal is `{"error": …}` with a 4xx."""
        if not comes_from_here(request):
            return _json({"error": "the sandbox is controlled from its own machine only"}, status=403)
        try:
            serve, parts = self._urls.bind_to_environ(request.environ).match()
            document = json.loads(request.data or b"{}")
            if not isinstance(document, dict):
                return _json({"error": "the body must be a JSON object"}, status=400)
            return _json(serve(document, **parts))
        except HTTPException as error:
            return _json({"error": error.description}, status=error.code or 400)
        except LookupError as error:
            return _json({"error": f"not found: {error}"}, status=404)
        except ApiError as error:
            return _json({"error": str(error), **error.body()}, status=409)
        except (ValueError, TypeError) as error:
            return _json({"error": str(error)}, status=400)

    def _advance(self, document: Document) -> Document:
        known = {"seconds", "months", "to"}
        if len(document) != 1 or not document.keys() <= known:
            raise ValueError("say one of seconds, months, to")
        now = self._machine.advance(**document)
        return {"now": now, "pending_deliveries": self._machine.webhooks.pending()}

    def _card(self, document: Document) -> Document:
        method = self._machine.swap_card(_text(document, "customer"), card=_text(document, "card"))
        return {"payment_method": method}

    def _add_fault(self, document: Document) -> Document:
        self._machine.world.faults.add(fault_from(document))
        return self._list_faults({})

    def _list_faults(self, _: Document) -> Document:
        return {"faults": self._machine.world.faults.listed()}

    def _clear_faults(self, _: Document) -> Document:
        self._machine.world.faults.clear()
        return self._list_faults({})

    def _resend(self, _: Document, event: str) -> Document:
        return {"endpoints": self._machine.resend(event)}

    def _complete(self, document: Document, session: str) -> Document:
        answer = self._machine.complete_checkout(
            session,
            card=str(document.get("card", "4242424242424242")),
            authenticate=bool(document.get("authenticate", True)),
        )
        if isinstance(answer, Decline):
            return {"completed": False, "code": answer.code, "decline_code": answer.decline_code}
        return {"completed": answer is Answer.APPROVED}

    def _dispute(self, document: Document, charge: str) -> Document:
        inquiry = bool(document.get("inquiry", False))
        return {"dispute": self._machine.dispute(charge, inquiry=inquiry)}

    def _warn(self, _: Document, charge: str) -> Document:
        return {"warning": self._machine.warn_of_fraud(charge)}

    def _reset(self, _: Document) -> Document:
        self._machine.reset()
        return {"now": self._machine.now()}

    def _state(self, _: Document) -> Document:
        return self._machine.state()

    def _clock(self, _: Document) -> Document:
        return {"now": self._machine.now(), "offset": self._machine.world.clock.offset}

    def _deliveries(self, _: Document) -> Document:
        pending = self._machine.webhooks.pending()
        return {"pending": pending, "deliveries": self._machine.webhooks.listed(last=200)}


def _text(document: Document, name: str) -> str:
    if not document.get(name):
        raise ValueError(f"say `{name}`")
    return str(document[name])


def _json(document: Document, *, status: int = 200) -> Response:
    return Response(
        json.dumps(document, indent=2, default=str) + "\n", status=status, mimetype="application/json"
    )
