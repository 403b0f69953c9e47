"""The preview: as long as it should be, well-formed, never the whole."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import ClassVar

import pytest
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from paywall import articles
from paywall.previews import Preview, Unit, cut
from tests.factories.paywall import NOON, article, live_rules

BODY = (
    "<p>One <em>two</em> three.</p>\n<figure><img src='a.jpg'><figcaption>four</figcaption></figure>\n"
    "<!-- more -->\n<p>Five &amp; six.</p><ul><li>seven</li><li>eight</li></ul><p>nine ten</p>"
)


@pytest.mark.parametrize(
    ("preview", "shown"),
    [
        (Preview(Unit.PARAGRAPHS, 1), "<p>One <em>two</em> three.</p>"),
        (Preview(Unit.PARAGRAPHS, 4), BODY.partition("<p>nine")[0].replace("<!-- more -->", "")),
        (Preview(Unit.WORDS, 2), "<p>One <em>two</em></p>"),
        (
            Preview(Unit.WORDS, 4),
            "<p>One <em>two</em> three.</p>\n<figure><img src='a.jpg'><figcaption>four</figcaption></figure>",
        ),
        (Preview(Unit.WORDS, 6), BODY.partition("<!--")[0] + "\n<p>Five &amp; six.</p>"),
        (Preview(Unit.WORDS, 0), ""),
        (Preview(Unit.MARKER), BODY.partition("<!--")[0]),
    ],
)
def test_is_as_long_as_asked(preview: Preview, shown: str) -> None:
    assert cut(BODY, preview) == shown


@pytest.mark.parametrize(
    "preview", [Preview(Unit.PARAGRAPHS, 5), Preview(Unit.PARAGRAPHS, 99), Preview(Unit.WORDS, 500)]
)
def test_shows_half_of_what_is_too_short(preview: Preview) -> None:
    assert "five" in BODY.casefold()
    shown = cut(BODY, preview)
    assert "Five" in shown
    assert "nine" not in shown


def test_without_its_marker_shows_nothing() -> None:
    assert cut("<p>one</p><p>two</p>", Preview(Unit.MARKER)) == ""


def test_a_body_of_one_word_stays_closed() -> None:
    assert "secret" not in cut("<p>secret</p>", Preview(Unit.PARAGRAPHS, 3))


def test_leaves_out_what_is_run() -> None:
    body = "<script>var body = 'all of it';</script><p>one</p><p>two</p>"
    assert cut(body, Preview(Unit.PARAGRAPHS, 1)) == "<p>one</p>"


@pytest.mark.django_db
class TestOfAnArticle:
    SAID: ClassVar[dict[str, str]] = {
        "url": "http://localhost:8001/harbour-vote",
        "title": "The harbour votes",
        "published_at": "2026-11-24T12:00:00Z",
        "body": "<p>first</p><p>second</p><p>third</p>",
    }

    def shown(self, client: Client) -> tuple[str, str]:
        face = client.get("/api/v1/articles/harbour-vote").json()["teaser"]
        read = client.post("/api/v1/articles/harbour-vote/read").json()["teaser"]
        return face, read

    @pytest.mark.usefixtures("at_noon")
    def test_is_shown_where_the_cms_states_no_teaser(self, site: Client, stranger: Client) -> None:
        live_rules(preview_unit="paragraphs", preview_length=1)
        site.put("/api/v1/articles/harbour-vote", self.SAID, content_type="application/json")
        assert self.shown(stranger) == ("<p>first</p>", "<p>first</p>")
        stated = {**self.SAID, "teaser": "<p>On Sunday.</p>"}
        site.put("/api/v1/articles/harbour-vote", stated, content_type="application/json")
        assert self.shown(stranger) == ("<p>On Sunday.</p>", "<p>On Sunday.</p>")

    @pytest.mark.usefixtures("at_noon")
    def test_is_cut_again_by_new_rules_and_then_left_alone(self, site: Client, stranger: Client) -> None:
        live_rules(preview_unit="paragraphs", preview_length=2)
        site.put("/api/v1/articles/harbour-vote", self.SAID, content_type="application/json")
        article("stated")
        live_rules(preview_unit="words", preview_length=1, now=NOON)
        assert [articles.cut_previews(limit=10) for _ in range(2)] == [1, 0]
        assert self.shown(stranger) == ("<p>first</p>", "<p>first</p>")

    @pytest.mark.usefixtures("at_noon")
    def test_is_nothing_without_rules_for_it(self, site: Client, stranger: Client) -> None:
        live_rules()
        site.put("/api/v1/articles/harbour-vote", self.SAID, content_type="application/json")
        assert self.shown(stranger) == ("", "")


class _Balance(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:  # noqa: ARG002  the parser's
        if tag not in {"br", "img"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


pieces = st.sampled_from(
    ["<p>", "</p>", "<em>", "</em>", "<ul>", "<li>", "</li>", "</ul>", "<br>", "word ", "&amp;", "<!-- more -->",
     "<script>", "</script>", "two words ", "<", "</div>"]
)  # fmt: skip
previews = st.builds(Preview, st.sampled_from(Unit), st.integers(0, 6))


@given(st.lists(pieces, max_size=40), previews)
def test_whatever_the_body_closes_what_it_opens_and_is_not_the_whole(
    parts: list[str], preview: Preview
) -> None:
    body = "".join([*parts, "<p>the last words</p>"])
    shown = cut(body, preview)
    balance = _Balance()
    balance.feed(shown)
    balance.close()
    assert balance.open == []
    assert "last words" not in shown
