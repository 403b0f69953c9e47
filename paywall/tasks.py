"""What workers do for this app. Thin: the clock fetched, one call each."""

from __future__ import annotations

import logging

from celery import shared_task

from accounts import clock
from paywall import keys

logger = logging.getLogger(__name__)


@shared_task(name="paywall.turn_keys")
def turn_keys() -> None:
    """Publish, use and retire signing keys, each in its time."""
    for done in keys.turn(now=clock.now()):
        logger.info("Signing keys: %s.", done)
