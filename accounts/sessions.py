"""Where a reader is signed in: the list, ending some of it, keeping it alive, and the tokens of apps.

A session lives ninety days from the last day on which it was used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from allauth.core.internal.sessionkit import get_session_user
from allauth.headless.tokens.strategies.base import AbstractTokenStrategy
from django.contrib.sessions.backends.base import SessionBase
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext

from accounts.models import Session, User
from accounts.session_store import SEEN, SIGNED_IN, Door, SessionStore
from accounts.signals import shut_out

_TOKEN = re.compile(r"[a-z0-9]{32}")
_ID = re.compile(r"[0-9a-f]{64}")
_TOUCH_EVERY = timedelta(days=1)
# Most browsers also carry the names of those that they descend from, so the particular stand before the general.
_BROWSERS = (
    ("Edge", re.compile(r"\bEdg(e|A|iOS)?/")),
    ("Opera", re.compile(r"\b(OPR|OPT|OPiOS)/")),
    ("Samsung Internet", re.compile(r"\bSamsungBrowser/")),
    ("Vivaldi", re.compile(r"\bVivaldi/")),
    ("Firefox", re.compile(r"\b(Firefox|FxiOS)/")),
    ("Chrome", re.compile(r"(Chrome|Chromium|CriOS)/")),
    ("Safari", re.compile(r"\bVersion/\S+ .*\bSafari/")),
)
_SYSTEMS = (
    ("iPhone", re.compile(r"\b(iPhone|iPod)\b")),
    ("iPad", re.compile(r"\biPad\b")),
    ("Android", re.compile(r"\bAndroid\b")),
    ("ChromeOS", re.compile(r"\bCrOS\b")),
    ("Windows", re.compile(r"\bWindows\b")),
    ("macOS", re.compile(r"\b(Macintosh|Mac OS X|Darwin)\b")),
    ("Linux", re.compile(r"\bLinux\b")),
)
_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class SignedIn:
    """One place where a reader is signed in; `id` is the hash of the key, good for ending it and nothing else."""

    id: str
    signed_in_at: datetime | None
    last_seen_at: datetime | None
    ip: str | None
    user_agent: str
    is_current: bool

    @property
    def device_name(self) -> str:
        """What it is signed in with, in the active language, for example `Firefox on Windows`."""
        return device_name(self.user_agent)


class HeaderTokens(AbstractTokenStrategy):
    """How apps carry their session: the key of a session that opens by header only."""

    def get_session_token(self, request: HttpRequest) -> str | None:
        """Return the token that `request` carries, from `X-Session-Token` or `Authorization: Bearer`."""
        return token_of(request)

    def create_session_token(self, request: HttpRequest) -> str:
        """Return the token of the request's session, making it a session of the header door first."""
        store = cast(SessionStore, request.session)
        store.move_to(Door.HEADER)
        return cast(str, store.session_key)

    def lookup_session(self, session_token: str) -> SessionBase | None:
        """Return the live session of a token, or None."""
        return by_token(session_token)


def token_of(request: HttpRequest) -> str | None:
    """Return the header token of `request`, unchecked."""
    token = request.headers.get("X-Session-Token")
    if token:
        return token
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" and value.strip() else None


def by_token(token: str) -> SessionStore | None:
    """Return the live session that `token` opens, or None. One query."""
    if not _TOKEN.fullmatch(token):
        return None
    store = SessionStore(token, door=Door.HEADER)
    store.load()
    return store if store.session_key else None


def reader_of(session: SessionBase) -> User | None:
    """Return the reader signed in to `session`, if the account is active and the session not revoked."""
    user = get_session_user(session)
    return user if isinstance(user, User) else None


def device_name(user_agent: str) -> str:
    """Name the browser or app and the system behind `user_agent`, as its owner would, in the active language.

    A program that we do not know goes by the name it gives itself.
    """
    system = _first_in(user_agent, _SYSTEMS)
    program = _first_in(user_agent, _BROWSERS) or _own_name(user_agent)
    if program and system:
        return gettext("%(browser)s on %(system)s") % {"browser": program, "system": system}
    return program or system or gettext("Unknown device")


def note_sign_in(session: SessionBase, *, ip: str, user_agent: str, now: datetime) -> None:
    """Keep with `session` when and from where it was signed in to."""
    session[SIGNED_IN] = {"at": now.timestamp(), "ip": ip, "user_agent": user_agent[:200]}
    session[SEEN] = now.timestamp()


def touch(session: SessionBase, *, now: datetime) -> bool:
    """Note that `session` is in use, at most once a day, which also starts its ninety days anew."""
    seen = session.get(SEEN)
    if seen is not None and now.timestamp() - seen < _TOUCH_EVERY.total_seconds():
        return False
    session[SEEN] = now.timestamp()
    return True


def of(reader: User, *, current: SessionBase | None, now: datetime) -> list[SignedIn]:
    """Return where `reader` is signed in, the latest first."""
    here = _stored_key(current)
    rows = Session.objects.filter(reader=reader, expire_date__gt=now).order_by("-signed_in_at")
    return [
        SignedIn(
            id=row.session_key,
            signed_in_at=row.signed_in_at,
            last_seen_at=row.last_seen_at,
            ip=row.ip,
            user_agent=row.user_agent,
            is_current=row.session_key == here,
        )
        for row in rows
    ]


def end(reader: User, ids: Iterable[str]) -> int:
    """End those of `reader`'s sessions; another reader's, and ids that are none, are out of reach. Return how many."""
    sound = [one for one in ids if _ID.fullmatch(one)]
    return _end(Session.objects.filter(reader=reader, session_key__in=sound), reader=reader)


def end_others(reader: User, *, but: SessionBase | None) -> int:
    """End every session of `reader` except `but`. Return how many."""
    rows = Session.objects.filter(reader=reader)
    here = _stored_key(but)
    return _end(rows.exclude(session_key=here) if here else rows, reader=reader)


def _end(rows: QuerySet[Session], *, reader: User) -> int:
    with transaction.atomic():
        ended, _ = rows.delete()
        shut_out.send(sender=User, reader=reader)
    return ended


def _first_in(user_agent: str, names: Iterable[tuple[str, re.Pattern[str]]]) -> str:
    return next((name for name, pattern in names if pattern.search(user_agent)), "")


def _own_name(user_agent: str) -> str:
    name = re.split(r"[/(;]", user_agent, maxsplit=1)[0].strip()
    return "" if name == "Mozilla" else name[:_LONGEST_NAME]


def _stored_key(session: SessionBase | None) -> str | None:
    if isinstance(session, SessionStore) and session.session_key:
        return session.stored_key(session.session_key)
    return None
