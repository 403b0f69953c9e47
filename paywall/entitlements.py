"""The rights of readers: stated whole by each source, kept with their history, read as values.

The door for other apps. `replace` is the only writer, so replaying, reordering or repeating a source's statement
ends in the same rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.models import User
from accounts.worded import Worded
from paywall import epochs
from paywall.decision import policy
from paywall.decision.facts import Grant, Suspension, Trouble
from paywall.errors import ProductUnknown
from paywall.models import Entitlement, Product

_CURRENT = Worded[Entitlement, int](
    lambda reader: Entitlement.objects.current().filter(reader_id=reader), sample=1
)


def replace(reader: User, *, source: str, grants: tuple[Grant, ...], now: datetime) -> bool:
    """Make `grants` all that `source` gives this reader; return whether that changed anything.

    What is stated again as it was writes nothing. A changed or missing grant closes its row, a new or changed one
    adds a row; no row is edited otherwise. A change voids the reader's access tokens. Concurrent calls for one reader
    follow one another. Call it inside the transaction that made the statement true, or outside of any.

    :raises ProductUnknown: a grant names a product that does not exist; nothing is written.
    :raises ValueError: two grants name one product, or a grant names another source.
    """
    stated = _by_product(grants, source=source)
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).only("pk").get(pk=reader.pk)
        held = {
            row.product_id: row for row in Entitlement.objects.current().filter(reader=reader, source=source)
        }
        outdated = {product: row for product, row in held.items() if grant_of(row) != stated.get(product)}
        added = [grant for product, grant in stated.items() if product in outdated or product not in held]
        if not outdated and not added:
            return False
        _refuse_unknown_products(added)
        moment = _moment_to_record(reader, source=source, now=now)
        Entitlement.objects.filter(pk__in=[row.pk for row in outdated.values()]).update(superseded_at=moment)
        Entitlement.objects.bulk_create(_row(grant, reader=reader, recorded_at=moment) for grant in added)
        epochs.raise_for(reader, now=now)
    return True


def snapshot(reader: User, *, now: datetime) -> tuple[Grant, ...]:
    """Return every grant that we know of this reader, also those over or to come; strongest at `now` first."""
    return policy.strongest_first(map(grant_of, _CURRENT.rows(reader.pk)), at=now)


def as_of(reader: User, *, at: datetime, known_at: datetime) -> tuple[Grant, ...]:
    """Return every grant that we knew of at `known_at`; strongest at `at` first."""
    return policy.strongest_first(map(grant_of, known(reader, at=known_at)), at=at)


def known(reader: User, *, at: datetime) -> tuple[Entitlement, ...]:
    """Return the rows that were our knowledge of this reader at `at`: each grant with its origin."""
    return tuple(Entitlement.objects.known(at=at).filter(reader=reader))


def product_names() -> dict[str, str]:
    """Return every product that may be granted, by its slug, with its name for people."""
    return dict(Product.objects.values_list("slug", "name"))


def grant_of(row: Entitlement) -> Grant:
    """Return what a row grants, as a value."""
    return Grant(
        product=row.product_id,
        source=row.source,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        grace_until=row.grace_until,
        suspension=Suspension(row.suspension) if row.suspension else None,
        resumes_at=row.resumes_at,
        trouble=_trouble(row.trouble),
    )


def _by_product(grants: Iterable[Grant], *, source: str) -> dict[str, Grant]:
    stated: dict[str, Grant] = {}
    for grant in grants:
        if grant.source != source:
            raise ValueError(f"A grant of {grant.source} was stated by {source}.")
        if grant.product in stated:
            raise ValueError(f"{source} states {grant.product} twice.")
        stated[grant.product] = _in_utc(grant)
    return stated


def _refuse_unknown_products(grants: Iterable[Grant]) -> None:
    named = {grant.product for grant in grants}
    missing = named - set(Product.objects.filter(slug__in=named).values_list("slug", flat=True))
    if missing:
        raise ProductUnknown(f"There is no product {', '.join(sorted(missing))}.")


def _moment_to_record(reader: User, *, source: str, now: datetime) -> datetime:
    """Return `now`, or the moment of this source's last change where a clock went back since.

    So no row ends before it began, and no two rows were ever known at once.
    """
    last = Entitlement.objects.filter(reader=reader, source=source).aggregate(
        recorded=Max("recorded_at"), superseded=Max("superseded_at")
    )
    changes: list[datetime] = [moment for moment in last.values() if moment is not None]
    return max([now.astimezone(UTC), *changes])


def _in_utc(grant: Grant) -> Grant:
    """Return the grant with every moment in UTC.

    Python compares two times of one zone by their wall clock, which repeats an hour each autumn.
    """
    trouble = grant.trouble
    return dataclasses.replace(
        grant,
        starts_at=grant.starts_at.astimezone(UTC),
        ends_at=_utc(grant.ends_at),
        grace_until=_utc(grant.grace_until),
        resumes_at=_utc(grant.resumes_at),
        trouble=dataclasses.replace(trouble, retry_at=_utc(trouble.retry_at))
        if trouble is not None
        else None,
    )


def _utc(moment: datetime | None) -> datetime | None:
    return moment.astimezone(UTC) if moment is not None else None


def _row(grant: Grant, *, reader: User, recorded_at: datetime) -> Entitlement:
    trouble = grant.trouble
    return Entitlement(
        reader=reader,
        product_id=grant.product,
        source=grant.source,
        starts_at=grant.starts_at,
        ends_at=grant.ends_at,
        grace_until=grant.grace_until,
        suspension=grant.suspension or "",
        resumes_at=grant.resumes_at,
        trouble=_stored(trouble) if trouble is not None else None,
        recorded_at=recorded_at,
    )


def _stored(trouble: Trouble) -> dict[str, str | None]:
    retry_at = trouble.retry_at.isoformat() if trouble.retry_at is not None else None
    return {"card": trouble.card, "cause": trouble.cause, "retry_at": retry_at}


def _trouble(stored: dict[str, Any] | None) -> Trouble | None:
    if stored is None:
        return None
    retry_at = stored["retry_at"]
    return Trouble(
        card=stored["card"],
        cause=stored["cause"],
        retry_at=datetime.fromisoformat(retry_at) if retry_at is not None else None,
    )
