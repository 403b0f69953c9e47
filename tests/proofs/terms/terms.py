"""Contracts around a period's end, as Stripe tells of them, and beside each what its reader was promised.

The promises are whole seconds worked out here by hand; nothing of ours is asked. Ends lie where calendars and clocks
are odd: the nights on which clocks change, the last of a month, leap days.
"""

from __future__ import annotations

import calendar
import itertools
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

DAY, HOUR = 86_400, 3_600
PRODUCT = "prod_premium"
_ZONES = [ZoneInfo(name) for name in ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC")]
_ODD_DAYS = [
    *(date(2026, 3, 29), date(2026, 10, 25), date(2026, 3, 8), date(2026, 11, 1), date(2026, 4, 5), date(2026, 10, 4)),
    *(date(2028, 2, 29), date(2028, 2, 28), date(2028, 3, 1), date(2027, 2, 28), date(2026, 12, 31), date(2027, 1, 1)),
    *(date(2026, 1, 31), date(2027, 4, 30), date(2027, 8, 31)),
]  # fmt: skip

# Every second end lies on an odd day, the others on any.
_DAYS = _ODD_DAYS * 120 + [date(2026, 1, 1) + timedelta(days=number) for number in range(6 * 365)]


@dataclass(frozen=True, slots=True)
class Settings:
    """What the publisher promised beyond what was paid, in seconds."""

    grace: int
    slack: int


@dataclass(frozen=True, slots=True)
class Period:
    """The seconds paid for, and the end of the period after them."""

    start: int
    end: int
    next_end: int


@dataclass(frozen=True, slots=True)
class Story:
    """A contract in Stripe's words, and the promise: `opens <= t < paid` is paid for, `paid <= t < closes` is grace."""

    name: str
    subscription: dict[str, Any]
    invoices: tuple[dict[str, Any], ...]
    opens: int
    paid: int
    closes: int


def _period(code: int) -> Period:
    """Return a month or a year whose end falls on some second of some day in some place."""
    code, day_number = divmod(code, len(_DAYS))
    code, zone_number = divmod(code, len(_ZONES))
    code, is_yearly = divmod(code, 2)
    # Clocks change between one and four in the morning; `fold` is the second time that an hour comes.
    clock, fold = divmod(code, 2)
    day, zone, months = _DAYS[day_number], _ZONES[zone_number], 12 if is_yearly else 1

    def at(which: date) -> int:
        midnight = datetime(which.year, which.month, which.day)  # noqa: DTZ001  the zone follows
        local = midnight + timedelta(seconds=clock if clock < DAY else clock - DAY)
        return int(local.replace(tzinfo=zone, fold=fold).timestamp())

    return Period(at(_months_later(day, -months)), at(day), at(_months_later(day, months)))


# One number says all of a period: drawing many small ones would take most of a proof's time.
periods = st.integers(0, len(_DAYS) * len(_ZONES) * 2 * 2 * (DAY + 4 * HOUR) - 1).map(_period)
promises = st.sampled_from(
    [
        Settings(grace=grace * DAY, slack=slack * HOUR)
        for grace in (*[7] * 10, *[0] * 10, *range(31))
        for slack in (*[24] * 10, *[0] * 10, *range(73))
    ]
)


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def subscription(status: str, *, name: str, began: int, start: int, end: int, **more: Any) -> dict[str, Any]:
    """Return a subscription as Stripe's API has it."""
    price = {"id": "price_1", "product": PRODUCT, "currency": "eur", "unit_amount": 990}
    item = {"id": f"si_{name}", "price": price, "current_period_start": start, "current_period_end": end}
    return {
        "id": f"sub_{name}", "customer": "cus_1", "status": status, "created": began, "start_date": began,
        "latest_invoice": "in_1", "currency": "eur", "items": {"data": [item]}, **more,
    }  # fmt: skip


def invoice(
    status: str, *, of: str, created: int, finalized: int | None = None, tried: bool = False, number: int = 1
) -> dict[str, Any]:
    """Return an invoice as Stripe's API has it."""
    return {
        "id": f"in_{number}", "customer": "cus_1", "status": status, "currency": "eur", "created": created,
        "amount_due": 990, "amount_paid": 0, "amount_remaining": 990, "total": 990, "attempted": tried,
        "attempt_count": int(tried), "status_transitions": {"finalized_at": finalized},
        "parent": {"subscription_details": {"subscription": f"sub_{of}"}},
    }  # fmt: skip


def _renewing(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    theirs = subscription("active", name="renewing", began=period.start, start=period.start, end=period.end)
    return Story("renewing", theirs, (), period.start, period.end, period.end + promised.slack)


def _in_the_draft_hour(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    theirs = subscription("active", name="draft", began=period.start, start=period.end, end=period.next_end)
    draft = invoice("draft", of="draft", created=period.end)
    return Story("draft", theirs, (draft,), period.start, period.next_end, period.next_end + promised.slack)


def _cancelled(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    filled_in = {"cancel_at": period.end} if draw(st.booleans()) else {}
    theirs = subscription(
        "active", name="cancelled", began=period.start, start=period.start, end=period.end,
        cancel_at_period_end=True, **filled_in,
    )  # fmt: skip
    return Story("cancelled", theirs, (), period.start, period.end, period.end)


def _ending_on_a_date(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    day = draw(
        st.one_of(
            st.integers(period.start, period.end),
            st.integers(period.end - 2, period.end + promised.slack + 2),
            st.integers(period.end, period.next_end),
        )
    )
    theirs = subscription(
        "active", name="dated", began=period.start, start=period.start, end=period.end, cancel_at=day
    )
    return Story(
        "dated", theirs, (), period.start, min(day, period.end), min(day, period.end + promised.slack)
    )


def _trying(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    stays = draw(st.booleans())
    theirs = subscription(
        "trialing", name="trial", began=period.start, start=period.start, end=period.end, trial_end=period.end,
        cancel_at_period_end=not stays,
    )  # fmt: skip
    return Story("trial", theirs, (), period.start, period.end, period.end + (promised.slack if stays else 0))


def _failing(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    """The renewal was charged an hour after the period's end, or later, and refused; perhaps a later one too."""
    due = period.end + HOUR + draw(st.one_of(st.integers(0, 600), st.integers(0, 3 * DAY)))
    ends = draw(st.none() | st.integers(due - 2, due + promised.grace + 2))
    owed = [invoice("open", of="failing", created=period.end, finalized=due, tried=True)]
    if draw(st.booleans()):
        # Neither one that was not tried yet, nor one tried later, nor one settled counts.
        owed.append(invoice("open", of="failing", created=period.start, finalized=period.start, number=2))
        owed.append(
            invoice("open", of="failing", created=due, finalized=due + DAY, tried=True, number=3),
        )
        owed.append(
            invoice("paid", of="failing", created=period.start, finalized=period.start, tried=True, number=4)
        )
    wish = {"cancel_at": ends} if ends is not None else {}
    theirs = subscription(
        "past_due", name="failing", began=period.start, start=period.end, end=period.next_end, **wish
    )
    closes = due + promised.grace if ends is None else max(due, min(due + promised.grace, ends))
    return Story("failing", theirs, tuple(owed), period.start, due, closes)


def _voided(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    theirs = subscription(
        "past_due", name="voided", began=period.start, start=period.end, end=period.next_end
    )
    void = invoice("void", of="voided", created=period.end, finalized=period.end + HOUR, tried=True)
    return Story("voided", theirs, (void,), period.start, period.end, period.end + promised.grace)


def _unpaid(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    theirs = subscription("unpaid", name="unpaid", began=period.start, start=period.end, end=period.next_end)
    due = period.end + HOUR
    owed = invoice("open", of="unpaid", created=period.end, finalized=due, tried=True)
    return Story("unpaid", theirs, (owed,), period.start, due, due)


def _ended(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    ended = draw(st.one_of(st.just(period.end), st.integers(period.start, period.next_end)))
    theirs = subscription(
        "canceled", name="ended", began=period.start, start=period.start, end=period.end,
        canceled_at=draw(st.integers(period.start, ended)), ended_at=ended,
    )  # fmt: skip
    return Story("ended", theirs, (), period.start, ended, ended)


def _uncollected(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    resumes = draw(st.integers(period.start, period.next_end))
    theirs = subscription(
        "active", name="uncollected", began=period.start, start=period.start, end=period.end,
        pause_collection={"behavior": "keep_as_draft", "resumes_at": resumes},
    )  # fmt: skip
    paid = max(resumes, period.end)
    return Story("uncollected", theirs, (), period.start, paid, paid + promised.slack)


def _never_paid(draw: st.DrawFn, period: Period, promised: Settings) -> Story:
    status = draw(st.sampled_from(("incomplete", "incomplete_expired", "paused", "a_word_of_next_year")))
    theirs = subscription(status, name="never", began=period.start, start=period.start, end=period.end)
    return Story("never", theirs, (), period.start, period.start, period.start)


_TELLERS: tuple[Callable[[st.DrawFn, Period, Settings], Story], ...] = (
    *(_renewing, _in_the_draft_hour, _cancelled, _ending_on_a_date, _trying, _failing),
    *(_voided, _unpaid, _ended, _uncollected, _never_paid),
)  # fmt: skip
_HELD = st.sampled_from([*[(teller,) for teller in _TELLERS] * 5, *itertools.permutations(_TELLERS, 2)])


@st.composite
def told(draw: st.DrawFn) -> tuple[Settings, tuple[Story, ...]]:
    """A publisher's settings, and one contract of a reader's or two of different kinds."""
    promised = draw(promises)
    return promised, tuple(teller(draw, draw(periods), promised) for teller in draw(_HELD))
