"""The proof that nobody loses a second of what they were promised, and nobody gains one, wherever a period ends."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from django.test import override_settings
from hypothesis import HealthCheck, given, settings

from billing import snapshots, sync
from billing.snapshots import CustomerPicture, CustomerSnapshot
from paywall.decision.article import ArticleFacts, Demand
from paywall.decision.facts import Facts, Grant, ReaderFacts
from paywall.decision.policy import decide
from paywall.decision.reasons import Access, Reason
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.terms.lives import Life, lives
from tests.proofs.terms.terms import PRODUCT, Settings, Story, told

ENDS = extent(ordinary=500, full=10_000)
# Some readers hold two contracts.
READERS = extent(ordinary=350, full=7_000)
LIVES = extent(ordinary=50, full=500)
TICK = timedelta(microseconds=1)
ARTICLE = ArticleFacts(
    id="harbour-vote", demand=Demand.SUBSCRIBER, products=("premium",), published_at=datetime(2020, 1, 1, tzinfo=UTC)
)  # fmt: skip
NOBODY = CustomerSnapshot(
    id="cus_1", deleted=False, email="", reader=None, currency="eur", balance=0, default_card=None, livemode=False
)  # fmt: skip
MANY = settings(
    deadline=None, database=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)  # fmt: skip


def granted(*stories: Story, promised: Settings, looked_at: float) -> tuple[Grant, ...]:
    """Take the way of every sync: Stripe's words, snapshot, term, grant."""
    theirs = [snapshots.subscription(story.subscription) for story in stories]
    invoices = tuple(snapshots.invoice(one) for story in stories for one in story.invoices)
    picture = CustomerPicture(customer=NOBODY, subscriptions=tuple(theirs), invoices=invoices)
    given_by_settings = {
        "PAST_DUE_GRACE": timedelta(seconds=promised.grace),
        "RENEWAL_SLACK": timedelta(seconds=promised.slack),
    }
    now = datetime.fromtimestamp(looked_at, tz=UTC)
    with override_settings(**given_by_settings):
        return tuple(
            grant
            for one in theirs
            for grant in sync.grants_of(one, picture=picture, unlocks={PRODUCT: ("premium",)}, now=now)
        )


def reason_at(moment: datetime, *grants: Grant) -> Reason:
    """Take the way of every access check."""
    return decide(Facts(now=moment, article=ARTICLE, reader=ReaderFacts(), grants=grants)).reason


def promised_at(moment: datetime, *stories: Story) -> Reason | None:
    """Return the reason why the door was to be open; None where it was to be closed."""
    at = moment.timestamp()
    if any(story.opens <= at < story.paid for story in stories):
        return Reason.ENTITLED
    if any(max(story.opens, story.paid) <= at < story.closes for story in stories):
        return Reason.GRACE_PERIOD
    return None


def around(*seconds: int) -> list[datetime]:
    """Return each second, the last instant before it, and the seconds beside it."""
    moments = [datetime.fromtimestamp(second, tz=UTC) for second in set(seconds)]
    beside = (-timedelta(seconds=1), -TICK, timedelta(), timedelta(seconds=1))
    return sorted({moment + step for moment in moments for step in beside})


def test_r14_the_door_closes_at_the_second_that_was_promised(figure: Figure) -> None:
    seen, wrong = Counter[str](), Counter[str]()

    @settings(MANY, max_examples=READERS)
    @given(told())
    def each(tale: tuple[Settings, tuple[Story, ...]]) -> None:
        promised, stories = tale
        seen.update(story.name for story in stories)
        grants = granted(*stories, promised=promised, looked_at=max(one.opens for one in stories))
        for moment in around(*{at for one in stories for at in (one.opens, one.paid, one.closes)}):
            reason = reason_at(moment, *grants)
            expected = promised_at(moment, *stories)
            is_open = reason.access is Access.FULL
            if is_open != (expected is not None):
                wrong["gained" if is_open else "lost"] += 1
            assert (reason if is_open else None) is expected, moment

    try:
        each()
    finally:
        figure(
            "R14",
            f"{sum(seen.values())} period ends of {len(seen)} kinds and {READERS} readers: "
            f"{wrong['lost']} moments lost, {wrong['gained']} gained",
            target="0 lost, 0 gained",
        )
    assert sum(seen.values()) >= ENDS
    assert len(seen) == 11


def test_r14_a_life_of_renewals_has_no_gap_but_those_that_settings_leave(figure: Figure) -> None:
    seen, wrong = Counter[str](), Counter[str]()

    @settings(MANY, max_examples=LIVES)
    @given(lives())
    def each(life: Life) -> None:
        seen[life.kind] += 1
        known = [granted(one.picture, promised=life.promised, looked_at=one.at) for one in life.looks]
        for moment in around(*life.turns):
            at = moment.timestamp()
            if not life.first_look <= at < life.ends:
                continue
            is_open = reason_at(moment, *known[life.known_at(at)]).access is Access.FULL
            is_owed = not any(begins <= at < ends for begins, ends in life.gaps)
            if is_open != is_owed:
                wrong["gained" if is_open else "lost"] += 1
            assert is_open is is_owed, moment

    try:
        each()
    finally:
        figure(
            "R14",
            f"{LIVES} lives of three renewals, clocks up to 10 min apart, news up to 10 min late: "
            f"{dict(sorted(seen.items()))}, {wrong['lost']} moments lost, {wrong['gained']} gained",
            target="0 lost, 0 gained",
        )
    assert min(seen["payer"], seen["non-payer"]) > 0, seen
