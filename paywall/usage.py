"""How much is read through institutions: opened articles by institution and month, for the invoice and the library."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Sum

from paywall.models import Institution, InstitutionUse


@dataclass(frozen=True, slots=True)
class Month:
    """What an institution's readers opened in one month (UTC)."""

    month: date
    institution: str
    opens: int
    articles: int


def count(institution: str, article: str, *, now: datetime) -> None:
    """Count that an article was opened because of an institution. One statement, but for the first of a month."""
    row = {"institution_id": int(institution), "month": _month(now), "article": article}
    counted = InstitutionUse.objects.filter(**row)
    if counted.update(opens=F("opens") + 1):
        return
    try:
        with transaction.atomic():
            InstitutionUse.objects.bulk_create([InstitutionUse(**row)], ignore_conflicts=True)
            counted.update(opens=F("opens") + 1)
    except IntegrityError:
        # Staff removed the institution in this very moment: there is nobody to count for.
        if Institution.objects.filter(pk=institution).exists():
            raise


def by_month(institutions: Iterable[Institution]) -> tuple[Month, ...]:
    """Return all months of these institutions, the latest first."""
    rows = (
        InstitutionUse.objects.filter(institution__in=institutions)
        .values("month", name=F("institution__name"))
        .annotate(opened=Sum("opens"), articles=Count("article"))
        .order_by("-month", "name")
    )
    return tuple(Month(row["month"], row["name"], row["opened"], row["articles"]) for row in rows)


def _month(now: datetime) -> date:
    return now.astimezone(UTC).date().replace(day=1)
