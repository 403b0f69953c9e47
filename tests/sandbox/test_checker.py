"""The checker itself must be able to fail, or its silence means nothing."""

from __future__ import annotations

import copy

import pytest

from billing.sandbox import checker
from billing.sandbox.customers import new_customer
from billing.sandbox.rendering import show
from billing.sandbox.sandbox import Sandbox

GONE = object()


@pytest.fixture
def shown() -> dict:
    sandbox = Sandbox(seed="checker")
    return show(sandbox.world.store, new_customer(sandbox.world, {"email": "a@b.c"}))


def test_a_true_customer_passes(shown) -> None:
    checker.check(shown)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param("email", 5, id="wrong type"),
        pytest.param("created", True, id="a boolean is no number"),
        pytest.param("shoe_size", 43, id="unknown field"),
        pytest.param("tax_exempt", "sometimes", id="unknown enum value"),
        pytest.param("id", None, id="null where none may be"),
        pytest.param("created", GONE, id="missing"),
        pytest.param("invoice_settings", {"colour": "red"}, id="unknown field inside"),
        pytest.param("object", "costumer", id="no such object"),
    ],
)
def test_what_stripe_would_not_send_is_found(shown, field, value) -> None:
    wrong = copy.deepcopy(shown)
    if value is GONE:
        del wrong[field]
    else:
        wrong[field] = value
    with pytest.raises(checker.ShapeError, match=field if field != "object" else "costumer"):
        checker.check(wrong)


def test_events_and_lists_are_checked_inside(shown) -> None:
    shown["email"] = 5
    with pytest.raises(checker.ShapeError, match=r"data\[0\]\.email"):
        checker.check({"object": "list", "data": [shown], "has_more": False, "url": "/"})
