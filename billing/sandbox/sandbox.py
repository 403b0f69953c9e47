"""One sandbox as a web application: the API, the checkout pages, the control page. Several may live in one process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from werkzeug.wrappers import Request, Response

from .api import Api
from .checkout_pages import CheckoutPages
from .control import Control
from .control_page import ControlPage
from .errors import ResponseDroppedError
from .machine import Machine

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment


class Sandbox(Machine):
    """A machine with a WSGI application, `app`."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        api = Api(world=self.world, lock=self.lock, before=self.run_due, keys=self.keys, check=self.check)
        pages, control, control_page = CheckoutPages(self), Control(self), ControlPage(self)
        self._rooms: dict[str, Callable[[Request], Response]] = {
            "v1": api.answer,
            "c": pages.answer,
            "i": pages.answer,
            "_control": control.answer,
        }
        self._lobby = control_page.answer

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as WSGI has it.

        :raises ResponseDroppedError: a fault says that the caller gets no answer, and there is no connection to cut.
        """
        request = Request(environ)
        try:
            room = self._rooms.get(request.path.split("/")[1], self._lobby)
            return room(request)(environ, start_response)
        except ResponseDroppedError:
            connection = environ.get("werkzeug.socket")
            if connection is None:
                raise
            connection.shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError from None
