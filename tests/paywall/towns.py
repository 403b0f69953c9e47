"""Towns by chance: rules, articles, and people with rights, houses, gifts and free reads in whatever standing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from accounts.identity import Identity
from accounts.models import User
from paywall import access, articles
from paywall.decision.article import Demand
from paywall.decision.facts import Grant, Suspension
from paywall.models import Article, Gift
from tests.factories.paywall import (
    DAY,
    NOON,
    article,
    entitle,
    grant,
    institution,
    live_rules,
    product,
    reader,
)

HOUR = timedelta(hours=1)
_PRODUCTS = ("premium", "culture")
_SECTIONS = ("city", "opinion")
_NETWORK, _DOMAIN, _ADDRESS = "192.0.2.0/24", "campus.example", "192.0.2.7"
# Rules and rights are older than anything that happens.
_LONG_AGO = NOON - 70 * DAY
_DAYS = 45
_DEMANDS = (Demand.METERED, Demand.METERED, Demand.SUBSCRIBER, Demand.REGISTERED, Demand.FREE)


@dataclass(frozen=True, slots=True)
class Town:
    """Who may ask, and about what."""

    readers: tuple[User, ...]
    article_ids: tuple[str, ...]

    def everybody(self) -> Iterator[Identity]:
        """Yield a stranger and all readers, at home and on the campus."""
        for network in (None, _ADDRESS):
            yield Identity(None, device="just handed out", set_device=True, network=network)
            for each in self.readers:
                yield Identity(each, network=network)

    def articles(self) -> Iterator[Article]:
        """Yield each article as a request fetches it."""
        for article_id in self.article_ids:
            yield articles.for_decision(article_id)


def any_town(chance: Random) -> Town:
    """Store a town with all that there can be, and with what people did in it."""
    ids = _found(chance)
    if chance.random() < 0.5:
        term = {"starts_at": _moment(chance, -_DAYS, 0), "ends_at": _moment(chance, 0, _DAYS)}
        opened = {"products": _some_products(chance), **(term if chance.random() < 0.5 else {})}
        institution(_NETWORK, domains=[_DOMAIN], **opened)
    people = []
    for number in range(2):
        domain = _DOMAIN if chance.random() < 0.3 else "readers.example"
        who = reader(f"reader-{number}@{domain}", is_staff=chance.random() < 0.1)
        who.vouch_for_email()
        entitle(who, *_rights(chance), now=_LONG_AGO)
        if chance.random() < 0.4:
            _give(chance, who, chance.choice(ids))
        _let_read(chance, who, ids)
        who.is_active = chance.random() < 0.9
        who.save()
        people.append(who)
    return Town(tuple(people), ids)


def a_town_of_payers(chance: Random) -> Town:
    """Store a town of whom a comparison of rules speaks: nobody is staff, blocked, or opens by anything but rights."""
    ids = _found(chance)
    people = tuple(reader(f"reader-{number}@readers.example") for number in range(3))
    for who in people:
        entitle(who, *_rights(chance), now=_LONG_AGO)
    return Town(people, ids)


def some_rules(chance: Random) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return rules that may be published, none of which keeps another from its turn, and what holds otherwise."""
    chosen = chance.sample(_SECTIONS, chance.randint(0, 2))
    ages = (None, 1, 10, 30, 60)
    given = [{"sections": [name], "older_than_days": chance.choice(ages), **_ask(chance)} for name in chosen]
    otherwise = {f"otherwise_{name}": value for name, value in _ask(chance).items()}
    return given, {
        **otherwise,
        "stranger_reads": chance.randint(0, 2),
        "reader_reads": chance.randint(0, 3),
        "meter_window": chance.choice(["month", "days"]),
        "meter_days": chance.choice([1, 7, 30]),
        "meter_zone": chance.choice(["UTC", "Europe/Berlin", "America/New_York"]),
    }


def _found(chance: Random) -> tuple[str, ...]:
    """Store rules and articles; most articles are out, and leave to the rules what they ask."""
    for slug in _PRODUCTS:
        product(slug)
    given, otherwise = some_rules(chance)
    live_rules(*given, now=_LONG_AGO, **otherwise)
    stated = [_ask(chance) if chance.random() < 0.2 else {"demand": "", "products": []} for _ in range(3)]
    made = (
        article(
            f"article-{number}",
            section=chance.choice([*_SECTIONS, ""]),
            published_at=_moment(chance, -60, 3),
            unpublished_at=_moment(chance, -_DAYS, _DAYS) if chance.random() < 0.15 else None,
            embargo_until=_moment(chance, -_DAYS, _DAYS) if chance.random() < 0.15 else None,
            **asked,
        )
        for number, asked in enumerate(stated)
    )
    return tuple(each.pk for each in made)


def _ask(chance: Random) -> dict[str, Any]:
    demand = chance.choice(_DEMANDS)
    return {"demand": demand, "products": _some_products(chance) if demand.is_for_products else []}


def _some_products(chance: Random) -> list[str]:
    return chance.sample(_PRODUCTS, chance.randint(1, 2))


def _rights(chance: Random) -> Iterator[Grant]:
    for slug in _PRODUCTS:
        if chance.random() < 0.4:
            continue
        starts_at = _moment(chance, -60, 5)
        ends_at = starts_at + chance.randint(0, 60 * 24) * HOUR if chance.random() < 0.8 else None
        yield grant(
            product=slug,
            source=f"subscription:sub_{slug}",
            starts_at=starts_at,
            ends_at=ends_at,
            grace_until=ends_at + chance.randint(0, 20) * DAY if ends_at and chance.random() < 0.5 else None,
            suspension=chance.choice([None, *Suspension]),
            resumes_at=_moment(chance, -_DAYS, _DAYS) if chance.random() < 0.5 else None,
        )


def _give(chance: Random, receiver: User, article_id: str) -> None:
    made = Gift.objects.create(
        giver=User.objects.get_or_create(email="giver@readers.example")[0],
        article=article_id,
        limit=9,
        made_at=_LONG_AGO,
        expires_at=_moment(chance, -_DAYS, _DAYS),
        revoked_at=_moment(chance, -_DAYS, 0) if chance.random() < 0.2 else None,
    )
    made.openings.create(reader=receiver, accepted_at=_moment(chance, -60, 0))


def _let_read(chance: Random, who: User, ids: tuple[str, ...]) -> None:
    """Let a reader open this and that, as it happens: what opens for another reason leaves no receipt."""
    for moment in sorted(_moment(chance, -_DAYS, 0) for _ in range(6)):
        access.spend(Identity(who), articles.for_decision(chance.choice(ids)), now=moment)


def _moment(chance: Random, first: int, last: int) -> datetime:
    """Return a moment between so many days from noon and so many, at a full hour, so that some fall together."""
    return NOON + chance.randint(first * 24, last * 24 - 1) * HOUR
