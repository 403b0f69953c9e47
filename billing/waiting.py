"""Waiting on behalf of somebody at a screen: for a parallel click, for a sync, for Stripe in a bad moment."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _

from billing import deadline, sync
from billing.errors import StripeTrouble
from billing.gateway import Gateway
from billing.models import Customer


@dataclass(slots=True)
class Patience:
    """A span of real time that waiting uses up; the time of the story (`now`) stands still meanwhile."""

    seconds: float
    pause: float = 0.1
    _started: float = field(default_factory=time.monotonic)

    def wait(self) -> bool:
        """Pause a moment; False, at once, when no more waiting is worthwhile, here or by the story's deadline."""
        spent = time.monotonic() - self._started
        if self.pause > min(self.seconds - spent, deadline.seconds_left()):
            return False
        time.sleep(self.pause)
        # Many who wait for one thing should not go on asking for it at the pace of the first moment.
        self.pause = min(self.pause * 1.5, 0.5)
        return True


def for_sync(customer: int, *, gateway: Gateway, now: datetime) -> bool:
    """Ask for a sync, do it or wait for whoever is at it; tell whether a look taken after this call was written.

    False leaves the wish in place: a worker will fulfil it.

    :raises StripeTrouble: Stripe did not answer.
    """
    sync.request([customer], now=now)
    wanted = Customer.objects.values_list("sync_requested", flat=True).get(pk=customer)
    patience = Patience(settings.SYNC_SECONDS_TO_WAIT)
    while True:
        if sync.customer(customer, gateway=gateway, now=now) is sync.SyncOutcome.FAILED:
            raise StripeTrouble("Stripe gave no picture of the customer.")
        if Customer.objects.filter(pk=customer, sync_done__gte=wanted).exists():
            return True
        if not patience.wait():
            return False


def until_synced(customer: int, *, gateway: Gateway, now: datetime) -> None:
    """Do as `for_sync` for whoever may not go on by old news.

    :raises StripeTrouble: Stripe did not answer, or no look was written in time; ask again.
    """
    if not for_sync(customer, gateway=gateway, now=now):
        raise StripeTrouble(_("We are still waiting for the latest news. Please try again in a moment."))
