"""What workers do for this app. Thin: the clock and the outside world fetched, one call each."""

from __future__ import annotations

import logging
import time

from celery import shared_task

from accounts import clock
from paywall import articles, keys, metering
from paywall.crawlers import lists, names

logger = logging.getLogger(__name__)

_BATCH = 200
# Workers are killed after a minute: nothing is begun that might not end before.
_SECONDS_FOR_PREVIEWS = 30.0
_SECONDS_FOR_LISTS = 20.0
_SECONDS_FOR_NAMES = 40.0


@shared_task(name="paywall.cut_previews")
def cut_previews() -> None:
    """Cut previews as the live rules say, after others were published; the next turn goes on where this one stops."""
    began = time.monotonic()
    while articles.cut_previews(limit=_BATCH) == _BATCH and time.monotonic() - began < _SECONDS_FOR_PREVIEWS:
        pass


@shared_task(name="paywall.forget_free_reads")
def forget_free_reads() -> None:
    """Keep the receipts of devices as few as what still counts."""
    metering.forget(now=clock.now())


@shared_task(name="paywall.refresh_crawler_lists")
def refresh_crawler_lists() -> None:
    """Read the networks that owners of crawlers publish, where that is due."""
    lists.refresh(lists.WebFetcher(), now=clock.now(), seconds=_SECONDS_FOR_LISTS)


@shared_task(name="paywall.prove_crawlers")
def prove_crawlers() -> None:
    """Ask DNS about clients that say they are crawlers."""
    names.prove_due(names.SystemResolver(), now=clock.now(), seconds=_SECONDS_FOR_NAMES)


@shared_task(name="paywall.turn_keys")
def turn_keys() -> None:
    """Publish, use and retire signing keys, each in its time."""
    for done in keys.turn(now=clock.now()):
        logger.info("Signing keys: %s.", done)
