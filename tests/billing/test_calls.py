"""Writes to Stripe are recorded first: the same wish is the same call, a new wish is a new one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from billing import calls
from billing.errors import CardRefused, StripeTrouble
from billing.models import OutboundCall
from tests.factories.billing import NOON

pytestmark = pytest.mark.django_db


class Stripe:
    """Answers a call as told; remembers the keys."""

    def __init__(self, *answers: object) -> None:
        self.keys: list[str] = []
        self._answers = list(answers)

    def __call__(self, key: str) -> str:
        self.keys.append(key)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return str(answer)


def ask(stripe: Stripe, purpose: str = "cancel", subject: str = "sub_1", *, now: object = NOON) -> str:
    return calls.recorded(purpose=purpose, subject=subject, call=stripe, now=now)


def states() -> list[str]:
    return list(OutboundCall.objects.order_by("pk").values_list("state", flat=True))


def test_the_record_is_there_before_the_call() -> None:
    seen: list[tuple[str, str]] = []

    def call(key: str) -> str:
        record = OutboundCall.objects.get()
        seen.append((record.state, record.key))
        return "sub_1"

    assert calls.recorded(purpose="cancel", subject="sub_1", call=call, now=NOON) == "sub_1"
    record = OutboundCall.objects.get()
    assert seen == [("open", record.key)]
    assert (record.state, record.stripe_id, record.finished_at) == ("done", "sub_1", NOON)


def test_after_a_timeout_the_same_wish_is_the_same_call() -> None:
    stripe = Stripe(StripeTrouble("timeout"), StripeTrouble("timeout"), "sub_1")
    for _try in range(2):
        with pytest.raises(StripeTrouble):
            ask(stripe)
    assert states() == ["open"]
    assert ask(stripe) == "sub_1"
    assert len(set(stripe.keys)) == 1
    assert states() == ["done"]


def test_a_wish_that_was_fulfilled_may_be_had_again() -> None:
    stripe = Stripe("a", "b")
    ask(stripe)
    ask(stripe)
    assert len(set(stripe.keys)) == 2


def test_a_refusal_ends_the_call() -> None:
    stripe = Stripe(CardRefused("no", code="insufficient_funds"), "in_1")
    with pytest.raises(CardRefused):
        ask(stripe, "pay", "in_1:pm_1")
    assert states() == ["refused"]
    ask(stripe, "pay", "in_1:pm_1")
    assert len(set(stripe.keys)) == 2


def test_a_failure_that_stripe_keeps_under_the_key_is_not_asked_for_again() -> None:
    stripe = Stripe(StripeTrouble("500", answered=True), "sub_1")
    with pytest.raises(StripeTrouble):
        ask(stripe)
    ask(stripe)
    assert len(set(stripe.keys)) == 2


def test_cancel_resume_and_cancel_again_are_three_calls_whatever_became_of_each() -> None:
    stripe = Stripe(StripeTrouble("timeout"), "kept", "cancelled")
    with pytest.raises(StripeTrouble):
        ask(stripe, "cancel")
    ask(stripe, "resume")
    ask(stripe, "cancel")
    assert len(set(stripe.keys)) == 3
    assert states() == ["refused", "done", "done"]


def test_wishes_about_different_things_do_not_touch() -> None:
    stripe = Stripe(StripeTrouble("timeout"), StripeTrouble("timeout"))
    for subject in ("sub_1", "sub_2"):
        with pytest.raises(StripeTrouble):
            ask(stripe, "cancel", subject)
    assert states() == ["open", "open"]


def test_whoever_repeats_the_wish_meanwhile_joins_the_call() -> None:
    keys: list[str] = []

    def first(key: str) -> str:
        keys.append(key)
        calls.recorded(
            purpose="cancel", subject="sub_1", call=lambda other: keys.append(other) or "b", now=NOON
        )
        return "a"

    calls.recorded(purpose="cancel", subject="sub_1", call=first, now=NOON)
    assert len(set(keys)) == 1
    assert states() == ["done"]


def test_a_key_that_stripe_may_have_forgotten_is_not_used_again() -> None:
    stripe = Stripe(StripeTrouble("timeout"), "sub_1")
    with pytest.raises(StripeTrouble):
        ask(stripe)
    ask(stripe, now=NOON + timedelta(hours=24))
    assert len(set(stripe.keys)) == 2


def test_the_last_outcome_can_be_asked_for() -> None:
    assert calls.outcome(purpose="pay", subject="in_1") is None
    ask(Stripe("in_1"), "pay", "in_1")
    assert calls.outcome(purpose="pay", subject="in_1") == "in_1"
