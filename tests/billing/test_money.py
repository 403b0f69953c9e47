"""Money for people: Stripe's digits, the reader's language."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation

from billing import money


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        pytest.param(990, "eur", "€9.90", id="two digits"),
        pytest.param(990, "jpy", "¥990", id="no digits, never a hundred times too little"),
        pytest.param(9123, "kwd", "KWD9.123", id="three digits"),
        pytest.param(50000, "isk", "ISK500", id="two digits at Stripe, none on the note"),
        pytest.param(0, "eur", "€0.00", id="nothing"),
        pytest.param(-250, "eur", "-€2.50", id="a credit"),
    ],
)
def test_an_amount_reads_right(amount: int, currency: str, expected: str) -> None:
    assert money.text(amount, currency=currency, language="en") == expected


def test_the_active_language_decides() -> None:
    with translation.override("de"):
        assert money.text(990, currency="eur") == "9,90\xa0€"


def test_an_unknown_language_reads_like_english() -> None:
    assert money.text(990, currency="eur", language="xx-klingon") == "€9.90"


def test_minor_units_stay_exact() -> None:
    assert money.major(1, currency="eur") == Decimal("0.01")
    assert money.major(10**15 + 1, currency="kwd") == Decimal("1000000000000.001")
