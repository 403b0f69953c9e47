"""What is kept of whoever asks: a reader's rights and free reads, or a device's free reads, as of one moment."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from accounts.identity import Identity
from accounts.models import User
from paywall import metering
from paywall.crawlers.claims import Claim
from paywall.decision import policy
from paywall.decision.facts import CrawlerPass, GiftPass, Grant
from paywall.decision.meter import MeterReading, MeterTerms


class NotKept(Exception):
    """What is kept does not settle it; the database does."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Somebody as of one moment.

    It says nothing where the `catalogue` (its stamp) is another. Of a reader's rights it holds those without trouble:
    what has to be told about trouble is read from the database.
    """

    catalogue: str
    public_id: str = ""  # empty for a device
    language: str = ""
    grants: tuple[Grant, ...] = ()
    reads: Mapping[str, datetime] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Return it as it is kept."""
        written = {
            "catalogue": self.catalogue,
            "public_id": self.public_id,
            "language": self.language,
            "grants": [_written(grant) for grant in self.grants],
            "reads": {article: moment.isoformat() for article, moment in self.reads.items()},
        }
        return json.dumps(written, separators=(",", ":")).encode()

    @classmethod
    def from_bytes(cls, kept: bytes) -> Snapshot:
        """Return what was kept."""
        written = json.loads(kept)
        return cls(
            catalogue=written["catalogue"],
            public_id=written["public_id"],
            language=written["language"],
            grants=tuple(map(_grant, written["grants"])),
            reads={article: datetime.fromisoformat(moment) for article, moment in written["reads"].items()},
        )

    def reader(self) -> User | None:
        """Return the reader with public id and language only; None for a device.

        All else is a default: whoever is staff, blocked or of an institution is not kept (`filling`).
        """
        return User(public_id=self.public_id, language=self.language) if self.public_id else None


class Kept:
    """The source of facts that asks nobody: what it does not hold is not kept."""

    def __init__(self, snapshot: Snapshot | None) -> None:
        self._snapshot = snapshot

    def grants(self, reader: User, *, now: datetime) -> tuple[Grant, ...]:
        """Return the kept rights, strongest first."""
        return policy.strongest_first(self._held().grants, at=now)

    def meter(
        self, who: Identity, wanted: Iterable[str], *, terms: MeterTerms, now: datetime
    ) -> dict[str, MeterReading]:
        """Return the readings that the kept free reads give."""
        reads = {} if who.has_no_past else self._held().reads
        return metering.readings(reads, who, wanted, terms=terms, now=now)

    def proves(self, reader: User) -> bool:
        """Not kept: whose address an institution knows is asked about properly."""
        raise NotKept

    def crawler(self, claim: Claim, *, now: datetime) -> CrawlerPass | None:
        """Not kept."""
        raise NotKept

    def gifts(self, who: Identity, wanted: Iterable[str], *, now: datetime) -> dict[str, GiftPass]:
        """Not kept."""
        raise NotKept

    def offered(self, code: str, who: Identity, article: str, *, now: datetime) -> GiftPass | None:
        """Not kept."""
        raise NotKept

    def _held(self) -> Snapshot:
        if self._snapshot is None:
            raise NotKept
        return self._snapshot


def _written(grant: Grant) -> list[str | None]:
    ends_at = grant.ends_at.isoformat() if grant.ends_at is not None else None
    grace_until = grant.grace_until.isoformat() if grant.grace_until is not None else None
    return [grant.product, grant.source, grant.starts_at.isoformat(), ends_at, grace_until]


def _grant(written: list[Any]) -> Grant:
    product, source, starts_at, ends_at, grace_until = written
    return Grant(
        product=product,
        source=source,
        starts_at=datetime.fromisoformat(starts_at),
        ends_at=datetime.fromisoformat(ends_at) if ends_at is not None else None,
        grace_until=datetime.fromisoformat(grace_until) if grace_until is not None else None,
    )
