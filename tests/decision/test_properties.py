"""The laws of the decision, for whatever facts there may be."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from paywall.decision.article import Demand
from paywall.decision.facts import Facts, GiftPass, Grant, InstitutionPass
from paywall.decision.policy import decide, strongest_first
from paywall.decision.reasons import Access, Reason, Remedy
from paywall.decision.rules import NO_RULES
from tests.decision.strategies import TICK, all_facts, gifts, grants, institutions, moments


def _width(access: Access) -> int:
    return [Access.NONE, Access.TEASER, Access.FULL].index(access)


@given(all_facts())
def test_every_set_of_facts_has_a_decision(facts: Facts) -> None:
    decision = decide(facts)
    assert decision.trace[-1].reason is decision.reason
    assert decision.access is decision.reason.access


@given(all_facts(), grants())
def test_more_grants_never_close_a_door(facts: Facts, extra: Grant) -> None:
    assume(facts.reader is not None)
    richer = replace(facts, grants=(*facts.grants, extra))
    assert _width(decide(richer).access) >= _width(decide(facts).access)


@given(all_facts(), institutions, gifts)
def test_no_other_way_in_closes_a_door_either(facts: Facts, place: InstitutionPass, gift: GiftPass) -> None:
    for richer in (replace(facts, institution=facts.institution or place), replace(facts, gift=gift)):
        # A longer gift only: one that has run out is not "more".
        assume(facts.gift is None or gift.until >= facts.gift.until)
        assert _width(decide(richer).access) >= _width(decide(facts).access)


@given(all_facts())
def test_each_free_read_left_keeps_the_door_open(facts: Facts) -> None:
    if facts.meter is None:
        return
    more = replace(facts, meter=replace(facts.meter, limit=facts.meter.limit + 1))
    assert _width(decide(more).access) >= _width(decide(facts).access)


@given(all_facts())
def test_an_entitled_reader_spends_nothing(facts: Facts) -> None:
    fitting = [grant for grant in facts.grants if grant.product in facts.ask.products]
    if any(grant.standing(at=facts.now).opens for grant in fitting):
        assert decide(facts).reason not in {Reason.METERED, Reason.METER_EXHAUSTED, Reason.GIFT_LINK}


@given(all_facts())
def test_only_a_metered_article_is_opened_by_a_free_read(facts: Facts) -> None:
    decision = decide(facts)
    if decision.reason is Reason.METERED:
        assert facts.ask.demand is Demand.METERED
        assert facts.meter is not None
        assert facts.meter.opens(at=facts.now)
        assert facts.crawler is None
    assert (decision.meter is not None) is (decision.reason in {Reason.METERED, Reason.METER_EXHAUSTED})


@given(all_facts())
def test_what_no_rule_speaks_of_opens_to_nobody_but_staff(facts: Facts) -> None:
    silent = replace(facts, article=replace(facts.article, demand=None, products=()), rules=NO_RULES)
    silent = replace(silent, crawler=None, gift=None)
    assert decide(silent).access is not Access.FULL or decide(silent).reason is Reason.STAFF


@given(all_facts(), st.randoms())
def test_the_order_of_grants_does_not_matter(facts: Facts, random: object) -> None:
    shuffled = list(facts.grants)
    random.shuffle(shuffled)
    assert decide(replace(facts, grants=tuple(shuffled))) == decide(facts)
    assert strongest_first(shuffled, at=facts.now) == strongest_first(facts.grants, at=facts.now)


@given(all_facts(), moments)
def test_nothing_changes_before_until(facts: Facts, later: datetime) -> None:
    decision = decide(facts)
    assume(later > facts.now)
    if decision.until is None or later < decision.until:
        then = decide(replace(facts, now=later))
        assert (then.reason, then.remedies, then.until) == (
            decision.reason,
            decision.remedies,
            decision.until,
        )


@given(all_facts())
def test_the_answer_does_change_at_until(facts: Facts) -> None:
    decision = decide(facts)
    assume(decision.until is not None)
    assert decision.until is not None
    assert decision.until > facts.now
    last = decide(replace(facts, now=max(facts.now, decision.until - TICK)))
    then = decide(replace(facts, now=decision.until))
    assert (last.reason, last.remedies) == (decision.reason, decision.remedies)
    assert (then.reason, then.remedies) != (decision.reason, decision.remedies)


@given(all_facts())
def test_a_failed_card_is_fixed_and_never_sold_a_second_subscription(facts: Facts) -> None:
    decision = decide(facts)
    if decision.reason is Reason.PAYMENT_FAILED:
        assert decision.remedies[0] is Remedy.FIX_CARD
        assert Remedy.SUBSCRIBE not in decision.remedies
    if decision.reason is Reason.PAYMENT_ACTION_REQUIRED:
        assert decision.remedies[0] is Remedy.CONFIRM_PAYMENT
        assert Remedy.SUBSCRIBE not in decision.remedies


@given(all_facts())
def test_nobody_but_their_own_rights_open_a_paid_article(facts: Facts) -> None:
    facts = replace(facts, article=replace(facts.article, demand=Demand.SUBSCRIBER, products=("premium",)))
    decision = decide(facts)
    fitting = [grant for grant in facts.grants if grant.product in facts.ask.products]
    opens = any(grant.standing(at=facts.now).opens for grant in fitting)
    is_staff = facts.reader is not None and facts.reader.is_staff
    let_in = decision.reason in {Reason.INSTITUTION, Reason.VERIFIED_CRAWLER, Reason.GIFT_LINK}
    assert decision.access is not Access.FULL or opens or is_staff or let_in
    if decision.reason in {Reason.ENTITLED, Reason.GRACE_PERIOD}:
        assert decision.grant in fitting
