"""What workers do for the paywall, each on its schedule."""

from __future__ import annotations

from celery import shared_task

from accounts import clock
from paywall import articles, metering

_BATCH = 200


@shared_task(name="paywall.cut_previews")
def cut_previews() -> None:
    """Cut previews as the live rules say, after others were published."""
    while articles.cut_previews(limit=_BATCH) == _BATCH:
        pass


@shared_task(name="paywall.forget_free_reads")
def forget_free_reads() -> None:
    """Keep the receipts of devices as few as what still counts."""
    metering.forget(now=clock.now())
