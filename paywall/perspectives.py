"""One article as everybody sees it: what each kind of reader is shown and told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from paywall import gathering, rules
from paywall.decision.facts import (
    CrawlerPass,
    Facts,
    GiftPass,
    Grant,
    InstitutionPass,
    ReaderFacts,
    Suspension,
    Trouble,
)
from paywall.decision.meter import MeterReading
from paywall.decision.policy import Decision, decide, reason
from paywall.decision.reasons import Access
from paywall.models import Article, CrawlerPolicy, Product

_DAY = timedelta(days=1)
_CARD = Trouble(card="Visa •••• 0341", cause="card_declined")


@dataclass(frozen=True, slots=True)
class Perspective:
    """A kind of reader, and what is decided for them."""

    name: str
    decision: Decision


def of(article: Article, *, now: datetime) -> tuple[Perspective, ...]:
    """Return what a stranger, a registered reader, a subscriber in each standing, a guest … see of an article now."""
    bare = gathering.bare(article, None, book=rules.of(article), now=now)
    return tuple(Perspective(name, decide(facts)) for name, facts in _everybody(bare))


def _everybody(bare: Facts) -> Iterator[tuple[str, Facts]]:
    known = replace(bare, reader=ReaderFacts())
    yield from _with_meter(_("a stranger"), bare)
    yield from _with_meter(_("a registered reader"), known)
    if bare.ask.products:
        for name, grant in _rights(bare.ask.products[0], now=bare.now):
            yield from _with_meter(name, replace(known, grants=(grant,)))
    if other := _another_product(bare.ask.products):
        elsewhere = replace(known, grants=(_right(other, now=bare.now),))
        yield from _with_meter(_("a subscriber to %(product)s") % {"product": other}, elsewhere)
    yield _("a guest by gift"), replace(bare, gift=GiftPass(bare.now + _DAY))
    yield _("a member of an institution"), replace(bare, institution=InstitutionPass("", bare.ask.products))
    for policy in CrawlerPolicy.objects.order_by("kind"):
        crawler = CrawlerPass("", Access(policy.shown))
        yield (
            _("a proven crawler: %(kind)s") % {"kind": policy.get_kind_display()},
            replace(bare, crawler=crawler),
        )
    # To us it is a stranger, each time on a new device.
    yield next(_with_meter(_("any other crawler"), bare))
    yield _("staff"), replace(bare, reader=ReaderFacts(is_staff=True))
    yield _("a blocked account"), replace(bare, reader=ReaderFacts(is_blocked=True))


def _with_meter(name: str, facts: Facts) -> Iterator[tuple[str, Facts]]:
    """Yield somebody with all free reads left and, where that is another answer, with none."""
    terms = facts.rules.meter
    limit = terms.limit(is_known=facts.reader is not None) if terms is not None else 0
    if terms is None or limit == 0:
        yield name, facts
        return
    back = terms.window.counts_until(facts.now)
    some = replace(facts, meter=MeterReading(limit))
    none = replace(facts, meter=MeterReading(limit, frees_at=(back,) * limit))
    yield name, some
    if reason(none) is not reason(some):
        yield _("%(who)s without free reads left") % {"who": name}, none


def _rights(product: str, *, now: datetime) -> Iterator[tuple[str, Grant]]:
    held = _right(product, now=now)
    due = replace(held, ends_at=now - _DAY)
    failed = replace(due, suspension=Suspension.PAYMENT_FAILED, trouble=_CARD)
    yield _("a subscriber"), held
    yield _("a subscriber whose card failed, in grace"), replace(failed, grace_until=now + _DAY)
    yield _("a subscriber whose card failed"), failed
    yield (
        _("a subscriber whose bank wants a confirmation"),
        replace(due, suspension=Suspension.PAYMENT_ACTION_REQUIRED),
    )
    yield _("a subscriber who pauses"), replace(held, suspension=Suspension.PAUSED)
    yield _("a former subscriber"), due


def _right(product: str, *, now: datetime) -> Grant:
    return Grant(product=product, source="example", starts_at=now - 30 * _DAY, ends_at=now + 30 * _DAY)


def _another_product(asked: tuple[str, ...]) -> str:
    others = Product.objects.exclude(slug__in=asked).order_by("slug")
    return others.values_list("slug", flat=True).first() or ""
