"""What is kept says what was read, and decides as the database does."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st

from accounts.identity import Identity
from paywall import access, articles, entitlements, metering, rules
from paywall.decision.article import Demand
from paywall.decision.facts import Grant
from paywall.decision.reasons import Reason
from paywall.express.snapshots import Kept, Snapshot
from paywall.gathering import DATABASE
from tests.decision.test_properties import grants, moments
from tests.factories.paywall import DAY, NOON, article, entitle, grant, meter, product, reader

NAMES = ("premium", "culture")


def _untroubled(right: Grant) -> Grant:
    return replace(right, suspension=None, resumes_at=None, trouble=None)


snapshots = st.builds(
    Snapshot,
    catalogue=st.text("0123456789abcdef", min_size=16, max_size=16),
    public_id=st.sampled_from(["", "rdr_0123456789abcdef01234567"]),
    language=st.sampled_from(["", "de"]),
    grants=st.lists(grants().map(_untroubled), max_size=4).map(tuple),
    reads=st.dictionaries(st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True), moments, max_size=5),
)


@given(snapshots)
def test_what_is_kept_is_what_was_read(snapshot: Snapshot) -> None:
    assert Snapshot.from_bytes(snapshot.to_bytes()) == snapshot


@pytest.mark.django_db
def test_both_sources_decide_alike() -> None:
    """In many small worlds the answer is the same from the database and from a snapshot, whoever asks for whatever."""
    for name in NAMES:
        product(name)
    seen = set[Reason]()
    for seed in range(25):
        with transaction.atomic():
            seen |= _decide_alike(random.Random(seed))
            transaction.set_rollback(True)
    assert seen >= {
        Reason.FREE, Reason.REGISTERED, Reason.ENTITLED, Reason.GRACE_PERIOD, Reason.METERED, Reason.METER_EXHAUSTED,
        Reason.REGISTRATION_REQUIRED, Reason.SUBSCRIPTION_REQUIRED, Reason.SUBSCRIPTION_ENDED, Reason.UPGRADE_REQUIRED,
    }  # fmt: skip


def _decide_alike(dice: random.Random) -> set[Reason]:
    meter(
        stranger_reads=dice.randrange(3), reader_reads=dice.randrange(1, 4),
        meter_window=dice.choice(["month", "days"]), meter_days=dice.randrange(1, 20),
        otherwise_products=dice.sample(NAMES, dice.randrange(1, 3)),
    )  # fmt: skip
    who = reader()
    entitle(who, *_grants(dice))
    for number, demand in enumerate(["", *Demand]):
        needs = Demand(demand).is_for_products if demand else False
        article(
            f"a{number}", demand=demand, products=dice.sample(NAMES, 1) if needs else [],
            published_at=NOON - dice.randrange(0, 40) * DAY,
        )  # fmt: skip
    identities = (
        Identity(who, device="d"),
        Identity(None, device="d"),
        Identity(None, device="new", set_device=True),
    )
    terms = rules.published(rules.live().key).meter  # type: ignore[union-attr]
    for identity in identities[:2]:
        for _ in range(dice.randrange(4)):
            spent_at = NOON - dice.randrange(0, 30) * DAY
            if terms is not None:
                metering.spend(identity, f"a{dice.randrange(5)}", terms=terms, now=spent_at)
    return {
        _compare(identity, f"a{number}", NOON + timedelta(days=dice.randrange(0, 30)))
        for identity in identities
        for number in range(5)
    }


def _grants(dice: random.Random) -> list[Grant]:
    found = []
    for name in dice.sample(NAMES, dice.randrange(0, 3)):
        starts = NOON - dice.randrange(-5, 30) * DAY
        ends = starts + dice.randrange(0, 40) * DAY if dice.random() < 0.8 else None
        grace = ends + dice.randrange(0, 9) * DAY if ends is not None and dice.random() < 0.5 else None
        found.append(grant(product=name, starts_at=starts, ends_at=ends, grace_until=grace))
    return found


def _compare(identity: Identity, article_id: str, now: datetime) -> Reason:
    wanted = articles.for_decision(article_id)
    terms = rules.of(wanted).meter
    assert terms is not None
    snapshot = Snapshot(
        catalogue="",
        public_id=identity.reader.public_id if identity.reader is not None else "",
        grants=entitlements.snapshot(identity.reader, now=NOON) if identity.reader is not None else (),
        reads=metering.spent_by(identity.reader or identity.device or "", terms=terms, now=NOON),
    )
    kept = Kept(Snapshot.from_bytes(snapshot.to_bytes()))
    by_database = access.glance(identity, wanted, source=DATABASE, now=now)
    assert access.glance(identity, wanted, source=kept, now=now) == by_database
    return by_database.reason
