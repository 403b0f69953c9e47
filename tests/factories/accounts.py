"""Readers and what belongs to them, small and valid."""

from __future__ import annotations

import itertools
from datetime import datetime

from accounts import emails
from accounts.models import Mail, User

_numbers = itertools.count(1)


def a_reader(email: str = "", *, password: str | None = None, proven: bool = True, **fields: object) -> User:
    """Store a reader whose address is proven, unless told otherwise."""
    reader = User.objects.create_user(email or f"reader{next(_numbers)}@example.org", password, **fields)
    if proven:
        reader.vouch_for_email()
    return reader


def a_member_of_staff(email: str = "", *, password: str | None = None) -> User:
    """Store somebody who may do everything in the admin."""
    return User.objects.create_superuser(email or f"staff{next(_numbers)}@example.org", password)


def a_mail(*, to: str = "reader@example.org", now: datetime, dedup_key: str = "") -> Mail:
    """Queue a mail."""
    key = dedup_key or f"test:{next(_numbers)}"
    emails.queue(kind="test", dedup_key=key, to=to, subject="Hello", text="The text.", now=now)
    return Mail.objects.get(dedup_key=key)
