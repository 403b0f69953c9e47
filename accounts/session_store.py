"""The session store: whoever reads the database cannot sign in with what they find there.

A browser's cookie and an app's header token are both session keys. The row's primary key is a SHA-256 over the
key and the door through which it may come in, so a header token is worthless as a cookie and the other way round.
Works as `SESSION_ENGINE`; synchronous only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NoReturn

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import OperationalError

from accounts.models import Session
from accounts.worded import Worded

_STORED = Worded[Session, str](lambda key: Session.objects.filter(session_key=key), sample="a")

SIGNED_IN = "signed_in"
SEEN = "seen"


class Door(StrEnum):
    """How a session key reaches us."""

    COOKIE = "cookie"
    HEADER = "header"


class SessionStore(DatabaseStore):
    """Sessions in the database under the hash of their key; `session_key` is the secret and never stored."""

    def __init__(self, session_key: str | None = None, *, door: Door = Door.COOKIE) -> None:
        self.door = door
        self._found: str | None = None  # the key under which a row of ours was seen
        super().__init__(session_key)

    @classmethod
    def get_model_class(cls) -> type[Session]:
        """Return the model of our rows."""
        return Session

    def stored_key(self, session_key: str) -> str:
        """Return what the database holds for `session_key` at this door."""
        return hashlib.sha256(f"{self.door}:{session_key}".encode()).hexdigest()

    def move_to(self, door: Door) -> None:
        """Make the session one of `door`, under a fresh key unless it already is and has one."""
        if self.door is door and self.session_key:
            return
        data, old = dict(self.items()), self.session_key
        if old:
            self.delete(old)
        self.door = door
        self.create()
        self._session_cache = data
        self.modified = True

    def afresh(self) -> SessionStore:
        """Return the same session as it is stored by now."""
        return SessionStore(self.session_key, door=self.door)

    def exists(self, session_key: str) -> bool:
        """Whether a session with this key is stored for this door."""
        return Session.objects.filter(session_key=self.stored_key(session_key)).exists()

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002  Django's signature
        """Store the session.

        :raises SessionInterrupted: a request at the same moment signed in or out, which ended it. Answered with 400.
        :raises OperationalError: the database is gone, which says nothing about the session.
        """
        try:
            super().save(must_create)
        except UpdateError as error:
            # Django makes one of every failure of the database.
            if isinstance(error.__context__, OperationalError):
                raise error.__context__ from None
            if self._found != self.session_key:  # making it failed, earlier in this request
                raise OperationalError("The session could not be stored.") from error
            raise SessionInterrupted("The session was ended by another request.") from error
        self._found = self.session_key

    def delete(self, session_key: str | None = None) -> None:
        """Forget the session of this key, by default this one."""
        key = session_key or self.session_key
        if key:
            Session.objects.filter(session_key=self.stored_key(key)).delete()

    def create_model_instance(self, data: Mapping[str, Any]) -> Session:
        """Return the row for `data`, with the columns that the list of sessions shows."""
        signed_in: Mapping[str, Any] = data.get(SIGNED_IN) or {}
        return Session(
            session_key=self.stored_key(self._key()),
            session_data=self.encode(dict(data)),
            expire_date=self.get_expiry_date(),
            reader_id=data.get(SESSION_KEY),
            signed_in_at=_moment(signed_in.get("at")),
            last_seen_at=_moment(data.get(SEEN)),
            ip=signed_in.get("ip"),
            user_agent=signed_in.get("user_agent", ""),
        )

    def _key(self) -> str:
        key: str = self._get_or_create_session_key()  # type: ignore[attr-defined]  # missing in the stubs
        return key

    def _get_session_from_db(self) -> Session | None:
        found = _STORED.rows(self.stored_key(self.session_key)) if self.session_key else []
        row = next((row for row in found if row.expire_date > datetime.now(UTC)), None)
        if row is None:
            self._session_key = None
        self._found = self.session_key
        return row

    async def acreate_model_instance(self, data: Mapping[str, Any]) -> NoReturn:
        """Refuse: the inherited way would store the key itself."""
        raise NotImplementedError("Sessions are read and written synchronously.")


def _moment(timestamp: float | None) -> datetime | None:
    return None if timestamp is None else datetime.fromtimestamp(timestamp, UTC)
