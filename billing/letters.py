"""Mails about what is held without a subscription, and invitations to groups: two small templates each, told once.

A mail is queued in the transaction that made it true. Whatever is wrong with a mail never undoes that.
"""

from __future__ import annotations

import logging
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
    try:
        with transaction.atomic(), translation.override(language or settings.LANGUAGE_CODE):
            subject, text, html = _render(kind, {"reader": reader, **_frame(), **context})
            emails.queue(
                kind=kind,
                dedup_key=f"{kind}:{about}",
                to=to,
                subject=subject,
                text=text,
                html=html,
                reader=reader,
                now=now,
            )
    except Exception:
        logger.exception("The mail %s:%s could not be written.", kind, about)


def withdraw(kind: str, *, about: str) -> bool:
    """Take back what was not sent yet of this, or of any turn of it (`about:…`); return whether there was any."""
    key = f"{kind}:{about}"
    waiting = Mail.objects.filter(Q(dedup_key=key) | Q(dedup_key__startswith=f"{key}:"))
    withdrawn = emails.withdraw(waiting.filter(state=Mail.State.QUEUED).values_list("dedup_key", flat=True))
    return withdrawn > 0


def _render(kind: str, context: dict[str, Any]) -> tuple[str, str, str]:
    whole = {"words": f"billing/email/words/{kind}.txt", **context}
    subject = " ".join(render_to_string(f"billing/email/{kind}.subject.txt", whole).split())
    text = render_to_string("billing/email/letter.txt", whole)
    return subject, text, render_to_string("billing/email/letter.html", whole)


def _frame() -> dict[str, Any]:
    return {
        "site_name": settings.SITE_NAME,
        "site_url": settings.SITE_URL,
        "account_url": links.account(),
        "button_url": links.account(),
    }
