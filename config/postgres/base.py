"""Connecting to Postgres: a server that restarts is asked a second time before anybody is told to come back.

Only the opening of a connection is repeated, since nothing has happened on it yet. What was under way when the server
went away is answered 503 (`config.problems`), and its caller decides whether to repeat it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from django.db.backends.postgresql import base

# About as long as a crashed server needs to recover a few seconds of work.
_PAUSE = 0.5
# An outage that lasts longer is no restart: waiting would only take threads from those who need no database.
_PATIENCE = 2.0


@dataclass(slots=True)
class Outage:
    """Since when this process gets no connection; None while it does."""

    began: float | None = None

    def is_young(self, *, moment: float) -> bool:
        """Note a failure, and tell whether the outage that it belongs to began only just now."""
        if self.began is None:
            self.began = moment
        return moment - self.began < _PATIENCE

    def end(self) -> None:
        """Note a success."""
        self.began = None


_outage = Outage()


class DatabaseWrapper(base.DatabaseWrapper):
    """The backend: as Django's, but for the second try."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Open a connection, at the second try if need be.

        :raises OperationalError: the server cannot be reached.
        """
        try:
            connection = super().get_new_connection(conn_params)
        except self.Database.OperationalError:
            if not _outage.is_young(moment=time.monotonic()):
                raise
            time.sleep(_PAUSE)
            connection = super().get_new_connection(conn_params)
        _outage.end()
        return connection
