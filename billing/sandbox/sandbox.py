"""One sandbox as a web application: the API, the checkout pages, the control page. Several may live in one process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import TYPE_CHECKING

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

    def app(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, as WSGI has it.

        :raises ResponseDroppedError: a fault says that the caller gets no answer, and there is no connection to cut.
        """
        request = Request(environ)
        try:
            room = self._rooms.get(request.path.split("/")[1], self._rooms[""])
            return room(request)(environ, start_response)
        except ResponseDroppedError:
            connection = environ.get("werkzeug.socket")
            if connection is None:
                raise
            connection.shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError from None

    @cached_property
    def _rooms(self) -> dict[str, Callable[[Request], Response]]:
        """What answers, by the first part of the path."""
        pages = CheckoutPages(self)
        api = Api(
            world=self.world,
            lock=self.lock,
            before=self.run_due,
            keys=self.keys,
            check=self.check,
            sleep=self.sleep,
        )
        return {
            "v1": api.answer,
            "c": pages.answer,
            "i": pages.answer,
            "_control": Control(self).answer,
            "": ControlPage(self).answer,
        }
