"""Read what readers were mailed, whether it still lies in the outbox or has been sent."""

from __future__ import annotations

import re

from django.core import mail as django_mail

from accounts.models import Mail

_CODE = re.compile(r"^\s*([0-9]{6}|[A-Z]{4}-[A-Z]{4}-[A-Z]{4})\s*$", re.MULTILINE)


def kinds(to: str) -> list[str]:
    """Return what kinds of mail `to` was written, oldest first."""
    return list(Mail.objects.filter(to=to).order_by("pk").values_list("kind", flat=True))


def last_code(to: str) -> str:
    """Return the code in the latest mail to `to`."""
    row = Mail.objects.filter(to=to).latest("pk")
    text = row.text or str([sent.body for sent in django_mail.outbox if to in sent.to][-1])
    match = _CODE.search(text)
    assert match is not None, text
    return match.group(1)
