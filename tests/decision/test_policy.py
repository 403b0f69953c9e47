"""The policy as a table: one row per story, each with the reason that it must give."""

from __future__ import annotations

import pytest

from paywall.decision.article import ArticleFacts, Demand
from paywall.decision.facts import Facts, Grant, ReaderFacts, Standing, Suspension
from paywall.decision.policy import STEPS, decide
from paywall.decision.reasons import Access, Reason, Remedy
from tests.factories.paywall import DAY, NOON, article_facts, facts, failed, grant, in_grace

STAFF = ReaderFacts(is_staff=True)
BLOCKED = ReaderFacts(is_blocked=True)
CULTURE = grant(product="culture", source="subscription:sub_2")
REGISTERED = article_facts(demand=Demand.REGISTERED)
FREE = article_facts(demand=Demand.FREE)
TOMORROW = article_facts(published_at=NOON + DAY)
EMBARGOED = article_facts(embargo_until=NOON + DAY)
UNPAID_START = grant(ends_at=NOON - 10 * DAY, suspension=Suspension.PAYMENT_ACTION_REQUIRED)
PAUSED = grant(suspension=Suspension.PAUSED, resumes_at=NOON + DAY)
ENDED = grant(ends_at=NOON - DAY)


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        pytest.param(facts(article=TOMORROW), Reason.UNPUBLISHED, id="published tomorrow"),
        pytest.param(
            facts(article=article_facts(published_at=NOON)), Reason.SUBSCRIPTION_REQUIRED, id="published now"
        ),
        pytest.param(
            facts(article=article_facts(unpublished_at=NOON)), Reason.UNPUBLISHED, id="withdrawn now"
        ),
        pytest.param(facts(article=EMBARGOED), Reason.EMBARGOED, id="embargo runs"),
        pytest.param(
            facts(article=article_facts(embargo_until=NOON)), Reason.SUBSCRIPTION_REQUIRED, id="embargo over"
        ),
        pytest.param(
            facts(article=TOMORROW, reader=STAFF), Reason.UNPUBLISHED, id="staff wait like everybody"
        ),
        pytest.param(
            facts(grant(), article=EMBARGOED), Reason.EMBARGOED, id="subscribers wait like everybody"
        ),
        pytest.param(facts(article=FREE, reader=None), Reason.FREE, id="free for a stranger"),
        pytest.param(facts(article=FREE, reader=BLOCKED), Reason.FREE, id="free even for a blocked reader"),
        pytest.param(facts(grant(), reader=BLOCKED), Reason.ACCOUNT_BLOCKED, id="a block beats a right"),
        pytest.param(
            facts(article=REGISTERED, reader=BLOCKED), Reason.ACCOUNT_BLOCKED, id="a block beats an account"
        ),
        pytest.param(facts(reader=STAFF), Reason.STAFF, id="staff"),
        pytest.param(facts(article=REGISTERED), Reason.REGISTERED, id="an account opens it"),
        pytest.param(facts(article=REGISTERED, reader=None), Reason.REGISTRATION_REQUIRED, id="no account"),
        pytest.param(facts(reader=None), Reason.SUBSCRIPTION_REQUIRED, id="a stranger"),
        pytest.param(facts(), Reason.SUBSCRIPTION_REQUIRED, id="known, never subscribed"),
        pytest.param(facts(grant()), Reason.ENTITLED, id="within the term"),
        pytest.param(facts(grant(ends_at=None)), Reason.ENTITLED, id="without an end"),
        pytest.param(facts(grant(starts_at=NOON)), Reason.ENTITLED, id="the start is inclusive"),
        pytest.param(facts(grant(starts_at=NOON + DAY)), Reason.SUBSCRIPTION_REQUIRED, id="begins tomorrow"),
        pytest.param(facts(grant(ends_at=NOON)), Reason.SUBSCRIPTION_ENDED, id="the end is exclusive"),
        pytest.param(
            facts(grant(ends_at=NOON, grace_until=NOON + DAY)),
            Reason.GRACE_PERIOD,
            id="the end is exclusive; grace begins",
        ),
        pytest.param(
            facts(grant(ends_at=NOON - DAY, grace_until=NOON)),
            Reason.SUBSCRIPTION_ENDED,
            id="grace ends, exclusively",
        ),
        pytest.param(facts(in_grace()), Reason.GRACE_PERIOD, id="card failed, still in grace"),
        pytest.param(facts(failed()), Reason.PAYMENT_FAILED, id="card failed, grace over"),
        pytest.param(facts(UNPAID_START), Reason.PAYMENT_ACTION_REQUIRED, id="the bank wants a confirmation"),
        pytest.param(facts(PAUSED), Reason.SUBSCRIPTION_PAUSED, id="paused at once"),
        pytest.param(
            facts(grant(suspension=Suspension.PAUSED, resumes_at=NOON)),
            Reason.ENTITLED,
            id="the pause is over",
        ),
        pytest.param(facts(ENDED), Reason.SUBSCRIPTION_ENDED, id="ended"),
        pytest.param(facts(CULTURE), Reason.UPGRADE_REQUIRED, id="subscribes to something else"),
        pytest.param(facts(ENDED, CULTURE), Reason.UPGRADE_REQUIRED, id="moved to something smaller"),
        pytest.param(
            facts(grant(product="culture", ends_at=NOON)),
            Reason.SUBSCRIPTION_REQUIRED,
            id="something else, long over",
        ),
        pytest.param(facts(failed(), CULTURE), Reason.PAYMENT_FAILED, id="a failed card beats an upgrade"),
        pytest.param(facts(failed(), grant(source="comp:7")), Reason.ENTITLED, id="the best of several wins"),
        pytest.param(
            facts(failed(), in_grace(source="x")), Reason.GRACE_PERIOD, id="grace beats a failed card"
        ),
        pytest.param(
            facts(failed(), ENDED), Reason.PAYMENT_FAILED, id="a failed card beats an old subscription"
        ),
    ],
)
def test_the_reason(given: Facts, reason: Reason) -> None:
    assert decide(given).reason is reason


@pytest.mark.parametrize(
    ("given", "remedies"),
    [
        pytest.param(facts(reader=None), (Remedy.LOG_IN, Remedy.SUBSCRIBE), id="stranger"),
        pytest.param(
            facts(reader=None, article=REGISTERED), (Remedy.LOG_IN, Remedy.REGISTER), id="no account"
        ),
        pytest.param(facts(), (Remedy.SUBSCRIBE, Remedy.SWITCH_ACCOUNT), id="perhaps under another address"),
        pytest.param(facts(CULTURE), (Remedy.UPGRADE,), id="upgrade"),
        pytest.param(facts(in_grace()), (Remedy.FIX_CARD,), id="grace with a failed card"),
        pytest.param(facts(grant(ends_at=NOON, grace_until=NOON + DAY)), (), id="grace without trouble"),
        pytest.param(facts(UNPAID_START), (Remedy.CONFIRM_PAYMENT, Remedy.FIX_CARD), id="confirm first"),
        pytest.param(facts(PAUSED), (Remedy.RESUME,), id="paused"),
        pytest.param(facts(ENDED), (Remedy.SUBSCRIBE,), id="ended"),
        pytest.param(facts(article=EMBARGOED), (Remedy.WAIT,), id="embargo"),
        pytest.param(facts(article=TOMORROW), (Remedy.WAIT,), id="published tomorrow"),
        pytest.param(facts(article=article_facts(unpublished_at=NOON)), (), id="withdrawn for good"),
        pytest.param(facts(reader=BLOCKED), (), id="blocked"),
        pytest.param(facts(grant()), (), id="nothing to remedy"),
    ],
)
def test_the_remedies_come_nearest_first(given: Facts, remedies: tuple[Remedy, ...]) -> None:
    assert decide(given).remedies == remedies


@pytest.mark.parametrize(
    ("given", "rests_on"),
    [
        pytest.param(
            facts(grant(), grant(source="z", ends_at=None)), grant(source="z", ends_at=None), id="longest"
        ),
        pytest.param(facts(failed(), ENDED), failed(), id="nearest to opening"),
        pytest.param(facts(CULTURE), CULTURE, id="what is upgraded"),
        pytest.param(facts(grant(), reader=STAFF), None, id="staff need none"),
    ],
)
def test_the_grant_behind_it(given: Facts, rests_on: Grant | None) -> None:
    assert decide(given).grant == rests_on


@pytest.mark.parametrize(
    ("given", "until"),
    [
        pytest.param(facts(grant()), NOON + 20 * DAY, id="the term's end"),
        pytest.param(
            facts(grant(), grant(source="z", ends_at=NOON + 40 * DAY)), NOON + 40 * DAY, id="the last term's"
        ),
        pytest.param(facts(grant(ends_at=None)), None, id="never"),
        pytest.param(facts(in_grace()), NOON + 5 * DAY, id="the end of grace"),
        pytest.param(facts(failed()), None, id="not by itself"),
        pytest.param(facts(PAUSED), NOON + DAY, id="the end of the pause"),
        pytest.param(facts(grant(starts_at=NOON + DAY)), NOON + DAY, id="the beginning of the term"),
        pytest.param(
            facts(grant(), article=article_facts(unpublished_at=NOON + DAY)), NOON + DAY, id="withdrawal"
        ),
        pytest.param(
            facts(article=article_facts(embargo_until=NOON + DAY)), NOON + DAY, id="the end of the embargo"
        ),
    ],
)
def test_until_when(given: Facts, until: object) -> None:
    assert decide(given).until == until


def test_the_trace_names_each_step_that_was_asked() -> None:
    trace = decide(facts(grant())).trace
    assert [answer.step for answer in trace] == [step.__name__ for step in STEPS][: len(trace)]
    assert [answer.reason for answer in trace] == [None] * (len(trace) - 1) + [Reason.ENTITLED]


def test_standings_are_ranked_from_open_to_closed() -> None:
    assert [standing for standing in Standing if standing.opens] == list(Standing)[:2]


@pytest.mark.parametrize("article", [TOMORROW, EMBARGOED], ids=["not out", "embargo"])
def test_what_may_not_be_shown_names_no_product(article: ArticleFacts) -> None:
    assert decide(facts(grant(), article=article)).access is Access.NONE
    assert decide(facts(grant(), article=article)).products == ()
