"""Towns by chance: rules, articles, and people with rights, houses, gifts and free reads in whatever standing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from hypothesis import strategies as st

from accounts.identity import Identity
from accounts.models import User
from paywall import access, articles
from paywall.decision.article import Demand
from paywall.decision.facts import Grant, Suspension
from paywall.models import Article, Gift, RuleSet
from tests.factories.paywall import (
    DAY,
    NOON,
    article,
    draft,
    entitle,
    grant,
    institution,
    live_rules,
    product,
)

HOUR = timedelta(hours=1)
PRODUCTS = ("premium", "culture")
_SECTIONS = ("city", "opinion")
_NETWORK, _DOMAIN = "192.0.2.0/24", "campus.example"
# Rules and rights are older than anything that happens.
_LONG_AGO = NOON - 70 * DAY


@dataclass(frozen=True, slots=True)
class Person:
    """A reader, and what they hold, accepted and read; moments are in hours from noon, articles are numbers."""

    is_staff: bool
    is_blocked: bool
    is_at_campus: bool
    rights: tuple[Grant, ...]
    gifts: tuple[tuple[int, int, int | None], ...]  # of which article, until when, taken back when
    reads: tuple[tuple[int, int], ...]  # of which article, when


@dataclass(frozen=True, slots=True)
class Town:
    """What there is to be stored."""

    rules: dict[str, Any]
    articles: tuple[dict[str, Any], ...]
    people: tuple[Person, ...]
    campus: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Settled:
    """A town that is stored: who may ask, and about what."""

    readers: tuple[User, ...]
    article_ids: tuple[str, ...]

    def everybody(self) -> Iterator[Identity]:
        """Yield a stranger and all readers, at home and on the campus."""
        for network in (None, "192.0.2.7"):
            yield Identity(None, device="just handed out", set_device=True, network=network)
            for reader in self.readers:
                yield Identity(reader, network=network)

    def articles(self) -> Iterator[Article]:
        """Yield each article as a request fetches it."""
        for article_id in self.article_ids:
            yield articles.for_decision(article_id)


@contextmanager
def settled(town: Town) -> Iterator[Settled]:
    """Store a town; leave nothing of it and of what happens there, so that each example finds the place empty."""
    with transaction.atomic():
        for slug in PRODUCTS:
            product(slug)
        publish(town.rules)
        ids = tuple(article(f"article-{number}", **each).id for number, each in enumerate(town.articles))
        if town.campus is not None:
            institution(_NETWORK, domains=[_DOMAIN], **town.campus)
        yield Settled(tuple(_move_in(each, n) for n, each in enumerate(town.people)), ids)
        transaction.set_rollback(True)


def publish(given: dict[str, Any]) -> RuleSet:
    """Make these rules the live ones, long ago."""
    return live_rules(*given["rules"], now=_LONG_AGO, **given["terms"])


def propose(given: dict[str, Any]) -> RuleSet:
    """Store these rules as a draft."""
    return draft(*given["rules"], **given["terms"])


def _move_in(person: Person, number: int) -> User:
    domain = _DOMAIN if person.is_at_campus else "readers.example"
    who = User.objects.create_user(f"reader-{number}@{domain}", is_staff=person.is_staff)
    who.vouch_for_email()
    entitle(who, *person.rights, now=_LONG_AGO)
    for article_number, until, revoked in person.gifts:
        made = Gift.objects.create(
            giver=User.objects.get_or_create(email="giver@readers.example")[0],
            article=f"article-{article_number}", limit=9, made_at=_LONG_AGO, expires_at=_moment(until),
            revoked_at=_moment(revoked) if revoked is not None else None,
        )  # fmt: skip
        made.openings.create(reader=who, accepted_at=NOON - 40 * DAY)
    for article_number, at in sorted(person.reads, key=lambda each: each[1]):
        # As it happens: what opens for another reason leaves no receipt.
        found = Article.objects.for_decision().filter(pk=f"article-{article_number}").first()
        if found is not None:
            access.spend(Identity(who), found, now=_moment(at))
    if person.is_blocked:
        who.is_active = False
        who.save()
    return who


def _moment(hours: int) -> datetime:
    return NOON + hours * HOUR


_hours = st.integers(-40 * 24, 40 * 24)
_moments = _hours.map(_moment)
_past_hours = st.integers(-40 * 24, -1)
_for_products = st.fixed_dictionaries(
    {
        "demand": st.sampled_from([Demand.METERED, Demand.SUBSCRIBER]),
        "products": st.lists(st.sampled_from(PRODUCTS), min_size=1, unique=True),
    }
)
_asks = _for_products | st.fixed_dictionaries(
    {"demand": st.sampled_from([Demand.FREE, Demand.REGISTERED]), "products": st.just([])}
)


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """Return rules that may be published: none stands in the way of another."""
    otherwise = draw(_asks)
    sections = draw(st.lists(st.sampled_from(_SECTIONS), max_size=2, unique=True))
    ages = st.none() | st.integers(1, 60)
    return {
        "rules": [{"sections": [name], "older_than_days": draw(ages), **draw(_asks)} for name in sections],
        "terms": {
            "otherwise_demand": otherwise["demand"],
            "otherwise_products": otherwise["products"],
            "stranger_reads": draw(st.integers(0, 2)),
            "reader_reads": draw(st.integers(0, 3)),
            "meter_window": draw(st.sampled_from(["month", "days"])),
            "meter_days": draw(st.sampled_from([1, 7, 30])),
            "meter_zone": draw(st.sampled_from(["UTC", "Europe/Berlin", "America/New_York"])),
        },
    }


_articles = st.builds(
    lambda ask, **given: {**ask, **given},
    # Most are left to the rules.
    st.just({"demand": "", "products": []}) | st.just({"demand": "", "products": []}) | _asks,
    section=st.sampled_from([*_SECTIONS, ""]),
    published_at=st.integers(-60 * 24, 24).map(_moment),
    unpublished_at=st.none() | st.none() | _moments,
    embargo_until=st.none() | st.none() | _moments,
)


@st.composite
def _rights(draw: st.DrawFn) -> tuple[Grant, ...]:
    held = []
    for slug in draw(st.lists(st.sampled_from(PRODUCTS), unique=True)):
        starts_at = draw(_moments)
        held.append(
            grant(
                product=slug,
                source=f"subscription:sub_{slug}",
                starts_at=starts_at,
                ends_at=draw(st.none() | _moments.filter(lambda moment, since=starts_at: moment >= since)),
                grace_until=draw(st.none() | _moments),
                suspension=draw(st.none() | st.sampled_from(Suspension)),
                resumes_at=draw(st.none() | _moments),
            )
        )
    return tuple(held)


_numbers = st.integers(0, 2)
_people = st.builds(
    Person,
    is_staff=st.sampled_from([False, False, False, True]),
    is_blocked=st.sampled_from([False, False, False, True]),
    is_at_campus=st.booleans(),
    rights=_rights(),
    gifts=st.lists(st.tuples(_numbers, _hours, st.none() | _past_hours), max_size=1).map(tuple),
    reads=st.lists(st.tuples(_numbers, _past_hours), max_size=4).map(tuple),
)
# Whom a comparison of rules speaks of: who is neither staff nor blocked, and comes by no gift and from no campus.
_payers = st.builds(
    Person, is_staff=st.just(False), is_blocked=st.just(False), is_at_campus=st.just(False), rights=_rights(),
    gifts=st.just(()), reads=st.just(()),
)  # fmt: skip
_campus = st.fixed_dictionaries(
    {"products": st.lists(st.sampled_from(PRODUCTS), min_size=1, unique=True)},
    optional={"starts_at": _past_hours.map(_moment), "ends_at": st.integers(0, 500).map(_moment)},
)
towns = st.builds(
    Town,
    rules=rules(),
    articles=st.lists(_articles, min_size=1, max_size=3).map(tuple),
    people=st.lists(_people, max_size=2).map(tuple),
    campus=st.none() | _campus,
)
towns_of_payers = st.builds(
    Town,
    rules=rules(),
    articles=st.lists(_articles, min_size=1, max_size=3).map(tuple),
    people=st.lists(_payers, max_size=3).map(tuple),
    campus=st.none(),
)
