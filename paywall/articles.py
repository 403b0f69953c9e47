"""Articles as the CMS states them: each whole, as often as it likes; and how one is found again."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from urllib.parse import unquote, urlsplit

from django.db import transaction
from django.db.models import Q

from accounts import shelf
from accounts.worded import Worded
from paywall import kept, previews, rules
from paywall.decision.article import ArticleFacts, Demand
from paywall.errors import ArticleUnknown, ProductUnknown, RulesMissing
from paywall.models import Article, ArticleQuerySet, Product, RuleSet

_PAGE = 100

# Servers and proxies disagree on what these mean, so an address that holds one is no article's. Otherwise a free
# article could be named to the check and a paid one be fetched.
_AMBIGUOUS = re.compile(r"%2f|%5c|%25|//|\\|;|(^|/)\.{1,2}(/|$)|[\x00-\x20\x7f]", re.IGNORECASE)
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """All that the CMS says of an article; where it does not say, `words` are counted and the rules say the demand."""

    url: str
    title: str
    published_at: datetime
    body: str = field(repr=False)
    demand: Demand | None = None
    products: tuple[str, ...] = ()
    teaser: str = ""
    section: str = ""
    kind: str = ""
    tags: tuple[str, ...] = ()
    authors: tuple[str, ...] = ()
    unpublished_at: datetime | None = None
    embargo_until: datetime | None = None
    words: int | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a list, and where the next part begins; None where there is none."""

    articles: tuple[Article, ...]
    next: tuple[datetime, str] | None


def state(article_id: str, statement: Statement, *, now: datetime) -> bool:
    """Make an article what the CMS says it is; return whether it is new. The same statement again writes nothing.

    :raises ProductUnknown: it asks for a product that does not exist.
    :raises RulesMissing: it leaves to the rules what it asks, and none are published.
    """
    if statement.demand is None and not RuleSet.objects.filter(state=RuleSet.State.LIVE).exists():
        raise RulesMissing("State a demand: no rules are published that could say what this article asks.")
    _refuse_unknown_products(statement.products)
    fields, preview = _fields(statement), _preview(statement)
    with transaction.atomic():
        article, is_new = Article.objects.select_for_update().get_or_create(
            id=article_id, defaults={**fields, **preview, "stated_at": now}
        )
        if is_new:
            shelf.turn(kept.of_article(article_id), kept.PATHS)
        if is_new or all(getattr(article, name) == value for name, value in fields.items()):
            return is_new
        shelf.turn(kept.of_article(article_id), *([kept.PATHS] if article.path != fields["path"] else []))
        for name, value in {**fields, **preview, "stated_at": now}.items():
            setattr(article, name, value)
        article.save()
    return False


def remove(article_id: str) -> None:
    """Forget an article.

    :raises ArticleUnknown: nobody stated it, or it is forgotten already.
    """
    with transaction.atomic():
        deleted, _ = Article.objects.filter(pk=article_id).delete()
        if not deleted:
            raise ArticleUnknown(f"Nobody stated an article {article_id!r}.")
        shelf.turn(kept.of_article(article_id), kept.PATHS)


def newest_first(*, after: tuple[datetime, str] | None) -> Page:
    """Return a page of what the CMS stated, without bodies; `after` is the `next` of the page before."""
    rows = Article.objects.without_body().order_by("-published_at", "id")
    if after is not None:
        published_at, article_id = after
        rows = rows.filter(Q(published_at__lt=published_at) | Q(published_at=published_at, id__gt=article_id))
    found = tuple(rows[: _PAGE + 1])
    page = found[:_PAGE]
    return Page(page, (page[-1].published_at, page[-1].id) if len(found) > _PAGE else None)


def for_decision(article_id: str) -> Article:
    """Return what a decision about an article needs.

    :raises ArticleUnknown: nobody stated it.
    """
    return _one(article_id, _TO_DECIDE.rows(article_id))


def exists(article_id: str) -> bool:
    """Whether somebody stated it."""
    return Article.objects.filter(pk=article_id).exists()


def public_face(article_id: str) -> Article:
    """Return an article without its body.

    :raises ArticleUnknown: nobody stated it.
    """
    return _one(article_id, Article.objects.without_body().filter(pk=article_id))


def whole(article_id: str) -> Article:
    """Return an article with its body: for `access.read` to hand out or to withhold.

    :raises ArticleUnknown: nobody stated it.
    """
    return _one(article_id, _WHOLE.rows(article_id))


def many_for_decision(article_ids: Iterable[str]) -> dict[str, Article]:
    """Return what decisions need, by id; an article nobody stated is missing."""
    return _for_decision().in_bulk(set(article_ids))


def at(uris: Iterable[str]) -> Article | None:
    """Return the one article to which each of these addresses leads, given whole or as paths, as proxies saw them.

    None where there is no such article or more than one, where an address can be read in two ways, and where the
    addresses disagree: a client may add a header of its own to that of the proxy.
    """
    path = one_path(uris)
    if path is None:
        return None
    found = _TO_DECIDE_AT.rows(path)
    return found[0] if len(found) == 1 else None


def one_path(uris: Iterable[str]) -> str | None:
    """Return the path in which all these addresses agree, None where they do not or one is ambiguous."""
    paths = {path_of(uri) for uri in uris}
    return paths.pop() if len(paths) == 1 else None


def path_of(uri: str) -> str | None:
    """Return the path by which an address is found again, None for one that servers may read in two ways.

    The query and a closing slash do not count; escaped letters are the letters.
    """
    try:
        parts = urlsplit(uri) if not uri.startswith("/") else None
    except ValueError:
        return None
    path = parts.path if parts is not None else re.split(r"[?#]", uri, maxsplit=1)[0]
    plain = unquote(path)
    if _AMBIGUOUS.search(path) or _AMBIGUOUS.search(plain) or "\N{REPLACEMENT CHARACTER}" in plain:
        return None
    return plain.rstrip("/") or "/"


def facts_of(article: Article) -> ArticleFacts:
    """Return what a decision may know of an article."""
    return ArticleFacts(
        id=article.id,
        published_at=article.published_at,
        demand=Demand(article.demand) if article.demand else None,
        products=tuple(article.products),
        unpublished_at=article.unpublished_at,
        embargo_until=article.embargo_until,
        section=article.section,
        kind=article.kind,
        tags=tuple(article.tags),
        authors=tuple(article.authors),
    )


@cache
def _for_decision() -> ArticleQuerySet:
    """Put the question together that every batch asks, once."""
    return Article.objects.for_decision()


_TO_DECIDE = Worded[Article, str](lambda pk: Article.objects.for_decision().filter(pk=pk), sample="a")
# Two are enough to know that there is more than one.
_TO_DECIDE_AT = Worded[Article, str](
    lambda path: Article.objects.for_decision().filter(path=path)[:2], sample="/a"
)
_WHOLE = Worded[Article, str](lambda pk: Article.objects.with_rules().with_gifts().filter(pk=pk), sample="a")


def _one(article_id: str, found: Iterable[Article]) -> Article:
    for article in found:
        return article
    raise ArticleUnknown(f"Nobody stated an article {article_id!r}.")


def _refuse_unknown_products(named: tuple[str, ...]) -> None:
    if not named:
        return
    missing = set(named) - set(Product.objects.filter(slug__in=named).values_list("slug", flat=True))
    if missing:
        raise ProductUnknown(f"There is no product {', '.join(sorted(missing))}.")


def cut_previews(*, limit: int) -> int:
    """Cut the previews again that were not cut by the live rules; return how many were.

    To be called until it returns none: after rules were published, and now and then.
    """
    live = rules.live()
    if live is None:
        return 0
    # Not `exclude`, which no index answers.
    outdated = Article.objects.filter(
        Q(preview_rules__lt=live.key) | Q(preview_rules__gt=live.key), teaser=""
    )
    rows = list(outdated.only("pk", "body")[:limit])
    preview = rules.preview(live)
    for row in rows:
        text = previews.cut(row.body, preview) if preview is not None else ""
        # Unless the CMS stated the article again meanwhile, which cuts by itself.
        Article.objects.filter(pk=row.pk, body=row.body, teaser="").update(
            preview=text, preview_rules=live.key
        )
    return len(rows)


def _preview(statement: Statement) -> dict[str, object]:
    live = rules.live() if not statement.teaser else None
    preview = rules.preview(live) if live is not None else None
    return {
        "preview": previews.cut(statement.body, preview) if preview is not None else "",
        "preview_rules": live.key if live is not None else "",
    }


def _fields(statement: Statement) -> dict[str, object]:
    # Lists, since that is what a JSON column gives back: stated and stored must compare equal.
    fields: dict[str, object] = {
        each.name: list(value) if isinstance(value := getattr(statement, each.name), tuple) else value
        for each in dataclasses.fields(statement)
    }
    words = statement.words if statement.words is not None else len(_TAG.sub(" ", statement.body).split())
    return {**fields, "demand": statement.demand or "", "words": words, "path": path_of(statement.url) or ""}
