"""The proof: our books and a ledger kept at the sandbox say the same of every day, to the cent, however late we look.

`REVENUE_SEED=7` tells another year.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from datetime import date
from typing import Any

import pytest

from billing import books, revenue
from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL, extent
from tests.proofs.revenue.ledger import Told
from tests.proofs.revenue.year import Year

_SEED = int(os.environ.get("REVENUE_SEED") or 1)
_READERS, _DAYS = extent(ordinary=10, full=120), extent(ordinary=40, full=365)
_OF_MONEY = {"paid", "recovered_amount"}  # never added up over currencies
_FIGURES = (*revenue.STOCKS, *revenue.FLOWS)


@pytest.fixture(autouse=True)
def quiet(settings: Any) -> Any:
    settings.SYNC_SECONDS_TO_WAIT = 0
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.django_db
def test_r15_the_books_equal_the_ledger_of_every_day(figure: Figure) -> None:
    year = Year(seed=_SEED, readers=_READERS, days=_DAYS, pace=extent(ordinary=15, full=4) / 100)
    year.go_by()
    ours = _told(first=year.first, last=year.last)
    year.look_once_more_at_everything()
    late = _told(first=year.first, last=year.last)
    theirs = year.ledger.told
    figure("R15", _line(year, ours, late), target="none differ, early or late; who believes events is wrong")
    again = f"REVENUE_SEED={_SEED} python3 manage.py test proofs -k r15_"
    assert not (found := _differences(ours, theirs)), "\n".join([*found[:30], again])
    assert not (found := _differences(late, theirs)), "\n".join(["a year late:", *found[:30], again])
    assert not _differences(year.control.told, _stocks(theirs)), f"who hears everything is wrong too: {again}"
    assert _differences(year.believer.told, _stocks(theirs)), again
    if IS_FULL:
        assert all(_sum(theirs, name) for name in _FIGURES), f"something never happened: {again}"


def _told(*, first: date, last: date) -> Told:
    return Counter(
        {
            (each.day, each.currency, name): getattr(each, name)
            for each in books.report(first=first, last=last).days
            for name in _FIGURES
        }
    )


def _differences(ours: Told, theirs: Told) -> list[str]:
    return [
        f"{day} {currency} {name}: {ours[day, currency, name]}, not {theirs[day, currency, name]}"
        for day, currency, name in sorted(ours.keys() | theirs.keys())
        if ours[day, currency, name] != theirs[day, currency, name]
    ]


def _stocks(told: Told) -> Told:
    return Counter({key: amount for key, amount in told.items() if key[2] in revenue.STOCKS})


def _sum(told: Told, name: str, *, currency: str = "") -> int:
    return sum(amount for key, amount in told.items() if key[2] == name and currency in {"", key[1]})


def _line(year: Year, ours: Told, late: Told) -> str:
    theirs, count = year.ledger.told, year.figures
    currencies = sorted({key[1] for key in theirs})
    mrr = {one: (ours[year.last, one, "mrr"], theirs[year.last, one, "mrr"]) for one in currencies}
    paid = {one: (_sum(ours, "paid", currency=one), _sum(theirs, "paid", currency=one)) for one in currencies}
    flows = {name: (_sum(ours, name), _sum(theirs, name)) for name in revenue.FLOWS if name not in _OF_MONEY}
    wrong = len({key[0] for key in _keys_that_differ(year.believer.told, _stocks(theirs))})
    return (
        f"{year.readers} readers, {year.days} days, {len(currencies)} currencies: "
        f"{len(_differences(ours, theirs))} of {year.days * len(currencies) * len(_FIGURES)} figures differ, "
        f"{len(_differences(late, theirs))} after one late look; ours and theirs: MRR in the end {mrr}, paid {paid}, "
        f"{flows}; {count['moves']} moves, {count['events']} events, {count['lost']} lost, {count['looks']} looks, "
        f"{count['repaired']} repaired at night; who believes events is wrong on {wrong} days"
    )


def _keys_that_differ(ours: Told, theirs: Told) -> list[tuple[date, str, str]]:
    return [key for key in ours.keys() | theirs.keys() if ours[key] != theirs[key]]
