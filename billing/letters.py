"""How billing's mails are queued: each once, in its reader's language, in the transaction that made it true.

Whatever is wrong with a mail never undoes that. `to_reader` and `to_address` write the short ones, about what is held
without a subscription and invitations to groups, of two small templates each; `queue` takes one written elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.template.loader import render_to_string
from django.utils import translation

from accounts import emails
from accounts.models import Mail, User
from billing import links

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Letter:
    """A mail as it is written: its subject, and its words with and without layout."""

    subject: str
    text: str
    html: str


def queue(
    to: str,
    *,
    kind: str,
    about: str,
    language: str,
    reader: User | None,
    write: Callable[[], Letter],
    now: datetime,
) -> None:
    """Queue what `write` returns, called in that language; `about` says of what it tells. Never raises.

    Where it could not be written, the next who tells of it tries again.
    """
    key = f"{kind}:{about}"
    try:
        with transaction.atomic(), translation.override(language or settings.LANGUAGE_CODE):
            letter = write()
            emails.queue(
                kind=kind,
                dedup_key=key,
                to=to,
                subject=letter.subject,
                text=letter.text,
                html=letter.html,
                reader=reader,
                now=now,
            )
    except Exception:
        logger.exception("The mail %s could not be written.", key)


def of_templates(kind: str, context: dict[str, object]) -> Letter:
    """Write a mail that has templates of its own, all three."""
    name = f"billing/email/{kind}"
    text, html = render_to_string(f"{name}.txt", context), render_to_string(f"{name}.html", context)
    return Letter(_subject(kind, context), text, html)


def to_reader(reader: User, *, kind: str, about: str, now: datetime, **context: Any) -> None:
    """Queue a mail to a reader, in their language; `kind` names its templates, `about` what it tells of, once."""
    to_address(
        reader.email, language=reader.language, reader=reader, kind=kind, about=about, now=now, **context
    )


def to_address(
    to: str,
    *,
    kind: str,
    about: str,
    now: datetime,
    language: str = "",
    reader: User | None = None,
    **context: Any,
) -> None:
    """Queue a mail to somebody who need not have an account."""
    if Mail.objects.filter(dedup_key=f"{kind}:{about}").exists():
        return

    def write() -> Letter:
        return _in_a_frame(kind, {"reader": reader, **_frame(), **context})

    queue(to, kind=kind, about=about, language=language, reader=reader, write=write, now=now)


def withdraw(kind: str, *, about: str) -> bool:
    """Take back what was not sent yet of this, or of any turn of it (`about:…`); return whether there was any."""
    key = f"{kind}:{about}"
    waiting = Mail.objects.filter(Q(dedup_key=key) | Q(dedup_key__startswith=f"{key}:"))
    withdrawn = emails.withdraw(waiting.filter(state=Mail.State.QUEUED).values_list("dedup_key", flat=True))
    return withdrawn > 0


def _in_a_frame(kind: str, context: dict[str, Any]) -> Letter:
    whole = {"words": f"billing/email/words/{kind}.txt", **context}
    text = render_to_string("billing/email/letter.txt", whole)
    return Letter(_subject(kind, whole), text, render_to_string("billing/email/letter.html", whole))


def _subject(kind: str, context: dict[str, Any]) -> str:
    return " ".join(render_to_string(f"billing/email/{kind}.subject.txt", context).split())


def _frame() -> dict[str, Any]:
    return {
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "account_url": links.account(),
        "button_url": links.account(),
    }
