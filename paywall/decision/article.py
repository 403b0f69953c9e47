"""What an article is to a decision: when it may be shown, what rules may know it by, and what it asks."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Demand(StrEnum):
    """What an article asks of whoever wants all of it."""

    FREE = "free"
    REGISTERED = "registered"
    METERED = "metered"  # a product, or a free read while there are some
    SUBSCRIBER = "subscriber"

    @property
    def is_for_products(self) -> bool:
        """Whether products open such an article; any other names none."""
        return self in {Demand.METERED, Demand.SUBSCRIBER}


@dataclass(frozen=True, slots=True)
class Ask:
    """A demand with the products that meet it: any one of them opens the article."""

    demand: Demand
    products: tuple[str, ...] = ()


# What no rule speaks of opens to nobody: a forgotten rule must not give the paper away.
CLOSED = Ask(Demand.SUBSCRIBER)


@dataclass(frozen=True, slots=True)
class ArticleFacts:
    """What a decision may know of an article; never its text.

    `demand` and `products` are what the CMS stated for this very article; without a demand the rules say what it
    asks.
    """

    id: str
    published_at: datetime
    demand: Demand | None = None
    products: tuple[str, ...] = ()
    unpublished_at: datetime | None = None
    embargo_until: datetime | None = None
    section: str = ""
    kind: str = ""
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()

    @property
    def stated(self) -> Ask | None:
        """What the CMS asks for this article whatever the rules say; None where it leaves that to them."""
        return Ask(self.demand, self.products) if self.demand is not None else None

    @property
    def boundaries(self) -> tuple[datetime, ...]:
        """The moments at which what may be shown of it may change by itself."""
        moments = (self.published_at, self.unpublished_at, self.embargo_until)
        return tuple(moment for moment in moments if moment is not None)
