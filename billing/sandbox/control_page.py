"""The control page for people: the same controls as `/_control/`, as buttons. Works without a script."""

from __future__ import annotations

from werkzeug.wrappers import Request, Response

from . import html
from .control import comes_from_here
from .machine import Machine


class ControlPage:
    """Serves `/` and the forms on it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def answer(self, request: Request) -> Response:
        """Show the page, or do what one of its buttons says."""
        if not comes_from_here(request):
            return html.page("message.html", status=403, title="Not from here", text="Local use only.")
        return html.page("message.html", title="Stripe sandbox", text="The sandbox is running.")
