"""The newspaper's articles: what the tests and the CMS call may rely on."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

from paywall.demo import articles
from paywall.demo.articles import Article

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
PICTURES = Path(articles.__file__).parent / "pictures"

every_article = pytest.mark.parametrize("article", articles.edition(), ids=lambda article: article.id)


@every_article
def test_the_marker_is_deep_in_the_body_and_nowhere_else(article: Article) -> None:
    assert article.body.count(article.marker) == 1
    public = (article.title, article.summary, article.teaser, article.picture_alt, article.picture_caption)
    assert not [text for text in public if article.marker in text]
    assert not [
        other.id for other in articles.edition() if other is not article and article.marker in other.body
    ]


@every_article
def test_the_body_begins_with_the_teaser_and_goes_on(article: Article) -> None:
    assert article.body.startswith(article.teaser)
    assert 5 <= article.body.count("<p>") <= 9


@every_article
def test_products_fit_the_demand(article: Article) -> None:
    assert bool(article.products) == (article.demand == "subscriber")
    if article.demand == "subscriber" and article.section == "culture":
        assert article.products == ("premium", "culture")


@every_article
def test_the_picture_is_drawn(article: Article) -> None:
    drawing = ElementTree.parse(PICTURES / f"{article.id}.svg").getroot()  # noqa: S314 - our own file
    assert len(list(drawing.iter())) > 30
    assert article.picture_alt


def test_every_section_and_every_demand_has_articles() -> None:
    assert {article.section for article in articles.edition()} == set(articles.SECTIONS)
    assert {article.demand for article in articles.edition()} == {"free", "registered", "subscriber", None}


def test_statements_are_published_in_the_past_at_the_articles_address() -> None:
    statements = articles.statements(NOW)
    assert statements.keys() == articles.by_id().keys()
    for name, statement in statements.items():
        assert statement["url"] == f"http://localhost:8001/articles/{name}/"
        assert NOW - timedelta(days=10) < datetime.fromisoformat(statement["published_at"]) < NOW
