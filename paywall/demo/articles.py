"""The newspaper's own copy of its articles, and the words in which it states them to the paywall.

An article is a file in `articles/`: TOML between two `+++` lines, then the text as plain HTML paragraphs.
What stands before `<!-- more -->` is the teaser; the whole text, teaser included, is the body.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Literal, TypedDict

_FOLDER = Path(__file__).parent / "articles"
_FENCE = "+++\n"
_MORE = "<!-- more -->\n"

SECTIONS = ("city", "politics", "culture", "science", "sport", "opinion")

Demand = Literal["free", "registered", "subscriber"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """One article as the newsroom wrote it; `marker` is a phrase found in its body and nowhere else."""

    id: str
    title: str
    summary: str
    section: str
    tags: tuple[str, ...]
    authors: tuple[str, ...]
    age: timedelta
    demand: Demand | None  # None: the paywall's rules say
    products: tuple[str, ...]
    marker: str
    picture_alt: str
    picture_caption: str
    teaser: str
    body: str

    @property
    def minutes(self) -> int:
        """Return how long the article takes to read, never less than a minute."""
        return max(1, round(len(self.body.split()) / 220))


class Statement(TypedDict):
    """What the CMS call `PUT /api/v1/articles/{id}` expects."""

    url: str
    title: str
    section: str
    tags: list[str]
    authors: list[str]
    published_at: str
    teaser: str
    body: str
    demand: Demand | None
    products: list[str]


@cache
def edition() -> tuple[Article, ...]:
    """Return every article, newest first."""
    return tuple(sorted(map(_load, _FOLDER.glob("*.html")), key=lambda article: article.age))


@cache
def by_id() -> Mapping[str, Article]:
    """Return the articles by their ids."""
    return {article.id: article for article in edition()}


def statements(now: datetime, *, site: str = "http://localhost:8001") -> dict[str, Statement]:
    """Return the statement of each article by its id, as if the edition came out at `now`."""
    return {article.id: _statement(article, now=now, site=site) for article in edition()}


def address(article_id: str, *, site: str) -> str:
    """Return the one address of an article; the paywall sends readers back to it."""
    return f"{site}/articles/{article_id}/"


def _statement(article: Article, *, now: datetime, site: str) -> Statement:
    return {
        "url": address(article.id, site=site),
        "title": article.title,
        "section": article.section,
        "tags": list(article.tags),
        "authors": list(article.authors),
        "published_at": (now - article.age).isoformat(),
        "teaser": article.teaser,
        "body": article.body,
        "demand": article.demand,
        "products": list(article.products),
    }


def _load(path: Path) -> Article:
    _, head, text = path.read_text(encoding="utf-8").split(_FENCE, 2)
    about = tomllib.loads(head)
    teaser, rest = text.split(_MORE)
    return Article(
        id=path.stem,
        title=about["title"],
        summary=about["summary"],
        section=about["section"],
        tags=tuple(about["tags"]),
        authors=tuple(about["authors"]),
        age=timedelta(days=about["days_ago"]),
        demand=about.get("demand"),
        products=tuple(about.get("products", ())),
        marker=about["marker"],
        picture_alt=about["picture_alt"],
        picture_caption=about["picture_caption"],
        teaser=teaser.strip(),
        body=f"{teaser.strip()}\n{rest.strip()}",
    )
