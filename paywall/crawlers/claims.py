"""A client that says it is a crawler: whether that is known to be true, and what its kind is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from accounts.identity import Identity
from paywall import networks, robots
from paywall.decision.facts import CrawlerPass
from paywall.decision.reasons import Access
from paywall.models import Article, CrawlerList, CrawlerPolicy, CrawlerProof
from paywall.networks import Ranges
from paywall.robots import Kind, Robot

_KEPT = 2
# A proof that is about to run out is asked for again while it holds, so that a crawler is never unknown in between.
_RENEWED_BEFORE = timedelta(days=1)
# More questions than this do not wait at one time: a claim costs a stranger nothing, an answer costs us.
_WAITING = 1000


@dataclass(frozen=True, slots=True)
class Claim:
    """What a client says it is, from where, and what crawlers of that kind are shown."""

    robot: Robot
    address: str
    shown: Access
    is_listed: bool  # among the networks that the owner publishes


@dataclass(frozen=True, slots=True)
class Finding:
    """What we know of a claim: the right where it is true, and whether DNS has to be asked (again)."""

    right: CrawlerPass | None
    asks_dns: bool = False


@dataclass(frozen=True, slots=True)
class Book:
    """What staff decided about crawlers, and where their owners say that they come from."""

    policies: Mapping[str, Access]
    ranges: Mapping[str, Ranges]  # by the name of the crawler


def of(identity: Identity, article: Article) -> Claim | None:
    """Return the claim of whoever asks; None for readers, and for crawlers whose kind is treated as anybody."""
    robot = robots.claimed(identity.agent) if identity.reader is None else None
    address = networks.plain(identity.network) if identity.network is not None else None
    if robot is None or address is None:
        return None
    book = book_of(article)
    shown = book.policies.get(robot.kind)
    if shown is None:
        return None
    return Claim(robot, address, shown, is_listed=networks.place_of(address) in book.ranges[robot.name])


def book_of(article: Article) -> Book:
    """Return policies and lists as they were when the article was fetched; kept by each process."""
    version: str | None = getattr(article, "directory", None)  # of `ArticleQuerySet.with_rules`
    return _at(version) if version is not None else _NOTHING


def find(claim: Claim, *, now: datetime) -> Finding:
    """Return what is known of a claim. One statement where the owner's published networks do not settle it."""
    if claim.is_listed:
        return Finding(_right(claim, "published networks"))
    if not claim.robot.hosts:
        return Finding(None)
    proof = CrawlerProof.objects.filter(crawler=claim.robot.name, address=claim.address).first()
    if proof is None:
        return Finding(None, asks_dns=True)
    holds = proof.is_proven and now < proof.expires_at
    limit = now + _RENEWED_BEFORE if proof.is_proven else now
    return Finding(
        _right(claim, f"DNS name {proof.host}") if holds else None,
        asks_dns=proof.due_at is None and proof.expires_at <= limit,
    )


def ask_dns(claim: Claim, *, now: datetime) -> None:
    """Let a worker find out what DNS says of a claim; of one that was never made, unless too much waits already."""
    named = {"crawler": claim.robot.name, "address": claim.address}
    # Whoever was asked about before is asked about again however many strangers claim something.
    if CrawlerProof.objects.filter(**named).update(due_at=now):
        return
    if CrawlerProof.objects.filter(due_at__isnull=False).count() >= _WAITING:
        return
    row = CrawlerProof(**named, expires_at=now, due_at=now)
    CrawlerProof.objects.bulk_create([row], ignore_conflicts=True)


def _right(claim: Claim, source: str) -> CrawlerPass:
    return CrawlerPass(claim.robot.name, claim.shown, source=f"{source} of {claim.robot.name}")


_NOTHING = Book({}, {})


@lru_cache(maxsize=_KEPT)
def _at(_version: str) -> Book:
    """Read policies and lists; at least as new as the version, which was seen before."""
    policies = {row.kind: Access(row.shown) for row in CrawlerPolicy.objects.all()}
    wanted = [robot for robot in robots.KNOWN if robot.kind in policies]
    lists = dict(CrawlerList.objects.values_list("url", "networks")) if wanted else {}
    return Book(
        policies,
        {
            robot.name: Ranges.of(cidr for url in robot.lists for cidr in lists.get(url, ()))
            for robot in wanted
        },
    )


def kinds_in_use() -> tuple[Kind, ...]:
    """Return the kinds of crawlers for which staff decided something."""
    return tuple(Kind(kind) for kind in CrawlerPolicy.objects.values_list("kind", flat=True))
