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
            return self._room(request.path.split("/")[1])(request)(environ, start_response)
        except ResponseDroppedError:
            connection = environ.get("werkzeug.socket")
            if connection is None:
                raise
            connection.shutdown(socket.SHUT_RDWR)
            raise ConnectionAbortedError from None

    def _room(self, name: str) -> Callable[[Request], Response]:
        """Return what answers, by the first part of the path."""
        match name:
            case "v1":
                return self._api.answer
            case "c" | "i" | "receipts":
                return self._pages.answer
            case "_control":
                return self._control.answer
            case _:
                return self._control_page.answer

    # Each is made when it is first asked for: whoever only speaks to the API opens many sandboxes quickly.

    @cached_property
    def _api(self) -> Api:
        return Api(
            world=self.world,
            lock=self.lock,
            before=self.run_due,
            keys=self.keys,
            check=self.check,
            sleep=self.sleep,
        )

    @cached_property
    def _pages(self) -> CheckoutPages:
        return CheckoutPages(self)

    @cached_property
    def _control(self) -> Control:
        return Control(self)

    @cached_property
    def _control_page(self) -> ControlPage:
        return ControlPage(self)
