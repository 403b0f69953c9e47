"""Months are counted as calendars count them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from billing import months

_AUGUST = datetime(2026, 8, 31, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("count", "then"),
    [
        (1, datetime(2026, 9, 30, 9, tzinfo=UTC)),
        (4, datetime(2026, 12, 31, 9, tzinfo=UTC)),
        (6, datetime(2027, 2, 28, 9, tzinfo=UTC)),
        (18, datetime(2028, 2, 29, 9, tzinfo=UTC)),
        (24, datetime(2028, 8, 31, 9, tzinfo=UTC)),
    ],
)
def test_a_month_ends_on_its_last_day_where_it_is_shorter(count: int, then: datetime) -> None:
    assert months.later(_AUGUST, count) == then
