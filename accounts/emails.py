"""The outbox: mails are written in the transaction that makes them true and sent later, at least once.

The dedup key says what is told about which object; one key is told once, ever. A code mail and a dunning mail go
the same way, and their text is wiped once it has been sent.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db.models import F, Q

from accounts.models import Mail, MailQuerySet, User

logger = logging.getLogger(__name__)

MAX_TRIES = 8
_LONGEST_PAUSE = timedelta(hours=1)
# A mail that nobody has tried to send for this long means that no worker is running.
_PATIENCE = timedelta(seconds=5)
# Mails about a code say nothing once it has run out.
_CODES = ("login_code", "email_confirmation", "email_confirmation_signup", "password_reset_code")
_CODE_LASTS = timedelta(seconds=settings.ACCOUNT_LOGIN_BY_CODE_TIMEOUT)


def queue(
    *,
    kind: str,
    dedup_key: str,
    to: str,
    subject: str,
    text: str,
    html: str = "",
    reader: User | None = None,
    now: datetime,
) -> bool:
    """Write a mail to the outbox, in the caller's transaction; False when this was told before."""
    _mail, is_new = Mail.objects.get_or_create(
        dedup_key=dedup_key,
        defaults={
            "kind": kind,
            "to": to,
            "subject": " ".join(subject.split())[:200],
            "text": text,
            "html": html,
            "reader": reader,
            "queued_at": now,
            "next_attempt_at": now,
        },
    )
    return is_new


def withdraw(dedup_keys: Iterable[str]) -> int:
    """Take back the mails of these keys that nobody has begun to send, as if they had never been queued.

    For mails that are no longer true. Returns how many. One that a worker has in hand may be going out at this moment,
    so it counts as told; but if that worker has died, no other one sends it.
    """
    waiting = Mail.objects.filter(dedup_key__in=list(dedup_keys), state=Mail.State.QUEUED)
    withdrawn, _by_model = waiting.filter(leased_until=None).delete()
    waiting.update(state=Mail.State.WITHDRAWN, text="", html="")
    return withdrawn


def due(*, now: datetime) -> MailQuerySet:
    """Return the mails whose turn it is, the longest waiting first."""
    return Mail.objects.due(now=now).order_by("next_attempt_at")


def due_ids(*, now: datetime, limit: int) -> list[int]:
    """Return the ids of at most `limit` mails whose turn it is."""
    return list(due(now=now).values_list("pk", flat=True)[:limit])


def given_up(*, now: datetime) -> MailQuerySet:
    """Return the mails that were tried often enough and are still worth sending: a code of this morning is not."""
    expired = Q(kind__in=_CODES, queued_at__lte=now - _CODE_LASTS)
    return Mail.objects.filter(state=Mail.State.DEAD).exclude(expired)


def again(mails: Iterable[int], *, now: datetime) -> int:
    """Put mails that were given up back into the outbox; return how many."""
    dead = Mail.objects.filter(pk__in=list(mails), state=Mail.State.DEAD)
    return dead.update(state=Mail.State.QUEUED, attempts=0, next_attempt_at=now)


def nobody_sends(*, now: datetime) -> bool:
    """Whether mails lie untouched, so that a code has to be sent by the request that made it."""
    return Mail.objects.due(now=now - _PATIENCE).filter(attempts=0).exists()


def deliver(mail_id: int, *, now: datetime) -> bool:
    """Send one mail if it is due and nobody else holds it; True when it went out.

    A try that fails is repeated after 1 s, 4 s, 16 s … up to an hour; after `MAX_TRIES` the mail is `dead`, which
    staff see and may reverse. A worker that dies in between leaves a lease that runs out.
    """
    lease_ends = now + Mail.LEASE
    leased = Mail.objects.due(now=now).filter(pk=mail_id)
    if not leased.update(leased_until=lease_ends, attempts=F("attempts") + 1):
        return False
    mail = Mail.objects.get(pk=mail_id)
    try:
        _message(mail).send()
    except Exception as error:  # noqa: BLE001  whatever a mail backend raises is a failed try
        _put_back(mail, error, now=now)
        return False
    Mail.objects.filter(pk=mail_id).update(
        state=Mail.State.SENT, sent_at=now, leased_until=None, last_error="", text="", html=""
    )
    return True


def _message(mail: Mail) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        mail.subject,
        mail.text,
        settings.DEFAULT_FROM_EMAIL,
        [mail.to],
        # The same id on every try, so that a mail sent twice can be recognised as one.
        headers={"Message-ID": _message_id(mail.dedup_key)},
    )
    if mail.html:
        message.attach_alternative(mail.html, "text/html")
    return message


def _message_id(dedup_key: str) -> str:
    name = hashlib.sha256(dedup_key.encode()).hexdigest()[:32]
    return f"<{name}@{urlsplit(settings.SITE_URL).hostname}>"


def _put_back(mail: Mail, error: Exception, *, now: datetime) -> None:
    is_dead = mail.attempts >= MAX_TRIES
    pause = min(timedelta(seconds=4 ** (mail.attempts - 1)), _LONGEST_PAUSE)
    # What was taken back meanwhile stays so.
    Mail.objects.filter(pk=mail.pk, state=Mail.State.QUEUED).update(
        state=Mail.State.DEAD if is_dead else Mail.State.QUEUED,
        next_attempt_at=now + pause,
        leased_until=None,
        last_error=f"{type(error).__name__}: {error}"[:300],
    )
    log = logger.error if is_dead else logger.warning
    log("Mail %s (%s) was not sent, try %s: %s", mail.pk, mail.kind, mail.attempts, type(error).__name__)
