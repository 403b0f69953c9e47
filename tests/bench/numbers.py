"""Many rows by one statement, written the same way for both databases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.color import no_style
from django.db import connection, models


def fill(
    model: type[models.Model], columns: Mapping[str, str], *, first: int, last: int, values: Mapping[str, Any]
) -> None:
    """Add a row for each number from `first` to `last`; each column is an expression of the number `n`."""
    names, expressions = ", ".join(columns), ", ".join(columns.values())
    counted = "WITH RECURSIVE numbers(n) AS (SELECT %(first)s UNION ALL SELECT n + 1 FROM numbers WHERE n < %(last)s) "
    added = f"INSERT INTO {model._meta.db_table} ({names}) SELECT {expressions} FROM numbers"  # noqa: S608  ours
    with connection.cursor() as cursor:
        cursor.execute(counted + added, {"first": first, "last": last, **values})


def settle(*filled: type[models.Model]) -> None:
    """Let ids go on behind what was added, and the planner know how much that is."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), list(filled)):
            cursor.execute(statement)
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")
