"""One customer, one currency: Stripe refuses a second one while anything is charged in the first."""

from __future__ import annotations

from . import lifecycle
from .errors import ApiError
from .store import Obj
from .world import World


def refuse_mixed(world: World, customer: Obj, currency: str) -> None:
    """Refuse to charge a customer in a currency beside the one of a subscription that goes on.

    :raises ApiError: there is such a subscription.
    """
    for subscription in world.store.all("subscription"):
        is_theirs = subscription["customer"] == customer["id"]
        if (
            is_theirs
            and subscription["status"] not in lifecycle.ENDED
            and subscription["currency"] != currency
        ):
            raise ApiError(
                "You cannot combine currencies on a single customer. This customer has an active subscription, "
                "subscription schedule, discount, quote, or invoice item with currency "
                f"{subscription['currency']}."
            )
