"""Which rules are live, which were, and how a draft becomes the next version.

A published version never changes, so it is read once per process and kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from functools import lru_cache
from itertools import combinations
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import shelf
from accounts.models import User
from paywall import kept
from paywall.decision.article import Ask, Demand
from paywall.decision.meter import CalendarMonth, MeterTerms, Rolling, Window
from paywall.decision.rules import NO_RULES, Condition, Offers, RuleBook, named
from paywall.decision.rules import Rule as RuleFacts
from paywall.errors import RulesRefused
from paywall.models import Article, Product, Rule, RuleSet
from paywall.previews import Preview, Unit

# Versions in use at one time: the live one, and those that staff explain the past with.
_KEPT = 32
_TICK = timedelta(microseconds=1)
_OLDEST = 100 * 365
# Receipts of devices are kept a little longer.
_LONGEST_WINDOW = 366


def of(article: Article) -> RuleBook:
    """Return the rules that were live when the article was fetched; without any, what is not stated stays closed."""
    key: str | None = getattr(article, "live_rules", None)  # of `ArticleQuerySet.with_rules`
    return published(key) if key is not None else NO_RULES


def as_of(at: datetime) -> RuleBook:
    """Return the rules that were live at `at`."""
    row = RuleSet.objects.filter(published_at__lte=at).order_by("-published_at").first()
    return published(row.key) if row is not None else NO_RULES


@lru_cache(maxsize=_KEPT)
def published(key: str) -> RuleBook:
    """Return a published version.

    :raises RuleSet.DoesNotExist: there is none of this key, or it is still a draft.
    """
    return book(RuleSet.objects.exclude(state=RuleSet.State.DRAFT).get(key=key))


def book(rule_set: RuleSet) -> RuleBook:
    """Return a version, or a draft as it is now, as a value."""
    return RuleBook(
        key=rule_set.key,
        rules=tuple(_rule(row) for row in rule_set.rules.all()),
        otherwise=_ask(rule_set.otherwise_demand, rule_set.otherwise_products),
        meter=_meter(rule_set),
        offers=Offers(
            stranger=rule_set.stranger_offer, reader=rule_set.reader_offer, lapsed=rule_set.lapsed_offer
        ),
    )


def preview(rule_set: RuleSet) -> Preview | None:
    """Return how much of a body everybody may see by a version; None for nothing."""
    if not rule_set.preview_unit:
        return None
    return Preview(Unit(rule_set.preview_unit), rule_set.preview_length)


def live() -> RuleSet | None:
    """Return the live version, None before the first."""
    return RuleSet.objects.filter(state=RuleSet.State.LIVE).first()


def draft(*, name: str, now: datetime) -> RuleSet:
    """Return a new draft that says what the live rules say; a first one closes everything."""
    source = live()
    with transaction.atomic():
        if source is None:
            return RuleSet.objects.create(name=name, created_at=now)
        rows = list(source.rules.all())
        # A copy: Django stores a row without a key as a new one.
        source.pk, source.key, source.name = None, RuleSet().key, name
        source.state, source.created_at, source.reason = RuleSet.State.DRAFT, now, ""
        source.published_at = source.published_by = None
        source._state.adding = True  # noqa: SLF001  Django's documented way to copy a row
        source.save()
        for row in rows:
            row.pk, row.rule_set = None, source
            row._state.adding = True  # noqa: SLF001  likewise
        Rule.objects.bulk_create(rows)
    return source


def mistakes(rule_set: RuleSet) -> tuple[str, ...]:
    """Say what in a draft cannot be meant, in words for whoever edits it; empty where it may be published."""
    rows = list(rule_set.rules.all())
    known = set(Product.objects.values_list("slug", flat=True))
    return (
        *_mistakes_of_whole(rule_set, known),
        *(f"{row.name}: {told}" for row in rows for told in _mistakes_of(row, known)),
        *_never_reached(rows),
    )


def publish(
    rule_set: RuleSet,
    *,
    by: User | None,
    now: datetime,
    reason: str = "",
    compared_with: str | None = None,
    as_compared: RuleBook | None = None,
) -> None:
    """Make a draft the live version and retire the one before.

    Who loses by it is for the caller to have asked before (`shadow.publish` does): `compared_with` is the key of the
    version that was live then, `as_compared` what the draft said.

    :raises RulesRefused: it is no draft any more or holds mistakes, or another version is live than it was compared
        with, or it was edited since; nothing is changed.
    """
    with transaction.atomic():
        # In this order everywhere: two drafts published at once follow one another.
        rows = RuleSet.objects.select_for_update().order_by("pk")
        held = {row.pk: row for row in rows.filter(state__in=[RuleSet.State.DRAFT, RuleSet.State.LIVE])}
        chosen = held.get(rule_set.pk)
        if chosen is None or not chosen.is_draft:
            raise RulesRefused(_("This version is published already."))
        current = next((row.key for row in held.values() if not row.is_draft), "")
        if compared_with is not None and compared_with != current:
            raise RulesRefused(
                _("Other rules were published meanwhile. Look again at who gains and who loses.")
            )
        if as_compared is not None and as_compared != book(chosen):
            raise RulesRefused(_("The draft was edited meanwhile. Look again at who gains and who loses."))
        if found := mistakes(chosen):
            raise RulesRefused("\n".join(found))
        # A clock that went back must not let a version end before it began, or two begin at once.
        began = [row.published_at + _TICK for row in held.values() if row.published_at is not None]
        moment = max([now, *began])
        RuleSet.objects.filter(state=RuleSet.State.LIVE).update(
            state=RuleSet.State.RETIRED, retired_at=moment
        )
        chosen.state, chosen.published_at, chosen.published_by = RuleSet.State.LIVE, moment, by
        chosen.reason = reason
        chosen.save(update_fields=["state", "published_at", "published_by", "reason"])
        shelf.turn(kept.CATALOGUE)


def discard(rule_set: RuleSet) -> None:
    """Delete a draft.

    :raises RulesRefused: it is none any more.
    """
    with transaction.atomic():
        row = RuleSet.objects.select_for_update().filter(pk=rule_set.pk).first()
        if row is not None and not row.is_draft:
            raise RulesRefused(_("This version is published already."))
        RuleSet.objects.filter(pk=rule_set.pk).delete()


def _mistakes_of_whole(rule_set: RuleSet, known: set[str]) -> Iterator[str]:
    yield from _mistakes_of_ask(rule_set.otherwise_demand, rule_set.otherwise_products, known)
    offers = {rule_set.stranger_offer, rule_set.reader_offer, rule_set.lapsed_offer} - {""}
    if unknown := offers - known:
        yield _("There is no product %(names)s to offer.") % {"names": ", ".join(sorted(unknown))}
    try:
        ZoneInfo(rule_set.meter_zone)
    except (ZoneInfoNotFoundError, ValueError):
        yield _("There is no time zone %(name)s.") % {"name": rule_set.meter_zone}
    if rule_set.preview_unit in {Unit.PARAGRAPHS, Unit.WORDS} and rule_set.preview_length < 1:
        yield _("A preview of nothing is said by leaving it out.")
    if rule_set.meter_window == RuleSet.MeterWindow.DAYS and rule_set.meter_days < 1:
        yield _("Free reads that come back after no days never run out.")
    if rule_set.meter_window == RuleSet.MeterWindow.DAYS and rule_set.meter_days > _LONGEST_WINDOW:
        yield _("Free reads come back after at most %(days)d days.") % {"days": _LONGEST_WINDOW}


def _mistakes_of(row: Rule, known: set[str]) -> Iterator[str]:
    if _condition(row).is_empty:
        yield _("It names no articles. What is meant for all belongs under “otherwise”.")
    older, younger = row.older_than_days or 0, row.younger_than_days
    if max(older, younger or 0) > _OLDEST:
        yield _("No article is older than %(days)d days.") % {"days": _OLDEST}
    if younger is not None and younger <= older:
        yield _("No article is at least %(older)d and less than %(younger)d days old.") % {
            "older": older,
            "younger": younger,
        }
    yield from _mistakes_of_ask(row.demand, row.products, known)


def _mistakes_of_ask(demand: str, products: list[str], known: set[str]) -> Iterator[str]:
    if Demand(demand).is_for_products and not products:
        yield _("It names no product, so it would open to nobody.")
    if not Demand(demand).is_for_products and products:
        yield _("It asks for no product, so the products named do nothing.")
    if unknown := set(products) - known:
        yield _("There is no product %(names)s.") % {"names": ", ".join(sorted(unknown))}


def _never_reached(rows: Iterable[Rule]) -> Iterator[str]:
    for earlier, later in combinations(rows, 2):
        if _condition(earlier).covers(_condition(later)):
            yield _("%(later)s: its turn never comes, since %(earlier)s stands before it.") % {
                "later": later.name,
                "earlier": earlier.name,
            }


def _rule(row: Rule) -> RuleFacts:
    return RuleFacts(row.name, _condition(row), _ask(row.demand, row.products))


def _condition(row: Rule) -> Condition:
    return Condition(
        articles=named(row.articles),
        sections=named(row.sections),
        kinds=named(row.kinds),
        tags=named(row.tags),
        authors=named(row.authors),
        older_than=_days(row.older_than_days),
        younger_than=_days(row.younger_than_days),
    )


def _days(number: int | None) -> timedelta | None:
    # More is a mistake that is told, but must not break whoever tells it.
    return timedelta(days=min(number, _OLDEST)) if number is not None else None


def _ask(demand: str, products: list[str]) -> Ask:
    return Ask(Demand(demand), tuple(products))


def _meter(rule_set: RuleSet) -> MeterTerms | None:
    if not (rule_set.stranger_reads or rule_set.reader_reads):
        return None
    is_month = rule_set.meter_window == RuleSet.MeterWindow.MONTH
    window: Window = CalendarMonth(rule_set.meter_zone) if is_month else Rolling(rule_set.meter_days)
    return MeterTerms(rule_set.stranger_reads, rule_set.reader_reads, window)
