"""What workers do for this app. Thin: ids in, the clock fetched, one call each."""

from __future__ import annotations

from celery import shared_task

from accounts import clock, emails, limits

_BATCH = 200


@shared_task(name="accounts.deliver_mails")
def deliver_mails(ids: list[int]) -> None:
    """Send these mails; one that fails is put back and holds nobody up."""
    for mail_id in ids:
        emails.deliver(mail_id, now=clock.now())


@shared_task(name="accounts.sweep_mails")
def sweep_mails() -> None:
    """Send what was left in the outbox: the backstop for mails that nobody was rung for."""
    deliver_mails(emails.due_ids(now=clock.now(), limit=_BATCH))


@shared_task(name="accounts.forget_limits")
def forget_limits() -> None:
    """Keep the table of limits as small as what still counts."""
    limits.forget_expired(now=clock.now())
