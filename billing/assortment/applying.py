"""Make Stripe equal to a file: look, say what would be done, do it, and let our own catalogue follow."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings

from billing import calls, catalogue
from billing.assortment import statement, steps, stock
from billing.assortment.steps import Step
from billing.gateway import Gateway
from paywall import entitlements


@dataclass(frozen=True, slots=True)
class Proposal:
    """What would be done, in order, and which plans on sale the file does not speak of."""

    steps: tuple[Step, ...]
    left_alone: tuple[str, ...]

    @property
    def digest(self) -> str:
        """A name for exactly these steps: whoever agreed to them agreed to no others."""
        return hashlib.sha256("\n".join(step.name for step in self.steps).encode()).hexdigest()[:32]


def propose(text: str, *, gateway: Gateway, now: datetime) -> Proposal:
    """Say what `apply` would do with a file. Changes nothing.

    :raises StatementRefused: the file cannot be meant; all that is wrong is listed.
    :raises StripeTrouble: Stripe did not answer.
    """
    stated = statement.read(
        text, products=entitlements.product_names().keys(), currencies=settings.CURRENCIES
    )
    theirs = stock.fetch(gateway=gateway)
    return Proposal(steps=steps.between(stated, theirs, now=now), left_alone=steps.left_alone(stated, theirs))


def apply(
    proposal: Proposal,
    *,
    gateway: Gateway,
    now: datetime,
    tell: Callable[[Step], object] = lambda _step: None,
) -> catalogue.Refreshed:
    """Take these steps, then refresh what is on sale here; `tell` hears of each step that was taken.

    Whoever is cut short proposes again and goes on: a step is found again until it was taken, and a call whose
    outcome was never known is repeated with the same key.

    :raises StripeTrouble: Stripe did not answer; what was done stays done.
    :raises StripeRefused: Stripe said no to a step, likewise.
    """
    try:
        for step in proposal.steps:
            calls.recorded(
                purpose="catalogue", subject=step.name, call=functools.partial(step.call, gateway), now=now
            )
            tell(step)
    finally:
        found = catalogue.refresh(gateway=gateway)
    return found
