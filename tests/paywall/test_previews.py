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
        (Preview(Unit.WORDS, 7), BODY.partition("<!--")[0] + "\n<p>Five &amp; six.</p>"),
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


@pytest.mark.parametrize("end", ["", "  \n", "</div>", "<!-- nothing -->", "<script>more()</script>"])
def test_with_its_marker_at_the_end_shows_nothing(end: str) -> None:
    assert cut(f"<p>all of it</p><!-- more -->{end}", Preview(Unit.MARKER)) == ""


@pytest.mark.parametrize(
    "body",
    [
        f"<p>{'word ' * 900}</p>",
        "word " * 900,
        "word<br><br>" * 900,
        f"<ul>{'<li>word</li>' * 900}</ul>",
        f"<div>{'<div>word</div>' * 900}</div>",
        f"<table>{'<tr><td>word</td></tr>' * 900}</table><p>word</p>",
        f"<p>{'&#119;&#111;rd ' * 900}</p>",
    ],
)
def test_a_long_body_in_one_paragraph_is_cut_like_several(body: str) -> None:
    shown = cut(body, Preview(Unit.PARAGRAPHS, 2))
    assert shown.count("word") == 240


def test_paragraphs_that_nobody_closes_are_ended_by_the_next() -> None:
    assert (
        cut("<p>one<p>two<p>three<h2>four</h2><p>five", Preview(Unit.PARAGRAPHS, 2)) == "<p>one</p><p>two</p>"
    )


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<p>港は日曜日に投票する。</p>", "<p>港は日曜 …</p>"),
        (f"<p>{'x' * 200}</p>", f"<p>{'x' * 48} …</p>"),
        ("<p>one&nbsp;two three</p>", "<p>one\xa0two …</p>"),
    ],
)
def test_counts_words_also_where_nobody_puts_spaces(body: str, shown: str) -> None:
    assert cut(body, Preview(Unit.WORDS, 2)) == shown


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("<p>AT&T sells</p><p>rest</p>", "<p>AT&amp;T sells</p>"),
        ("<p>1 < 2 &lt; 3</p><p>rest</p>", "<p>1 &lt; 2 &lt; 3</p>"),
        ("<p>f&uuml;r &ampere</p><p>rest</p>", "<p>für &amp;ere</p>"),
    ],
)
def test_signs_stay_what_they_mean(body: str, shown: str) -> None:
    assert cut(body, Preview(Unit.PARAGRAPHS, 1)) == shown


@pytest.mark.parametrize(
    "preview", [Preview(Unit.MARKER), Preview(Unit.PARAGRAPHS, 1), Preview(Unit.WORDS, 1)]
)
@pytest.mark.parametrize("odd", ["<![foo]>", "<![foo[ x ]]>", "<!x", "<?", "</", "<!--"])
def test_what_is_no_html_never_shows_the_whole(odd: str, preview: Preview) -> None:
    for body in (f"{odd}<p>one two</p><p>the end</p>", f"<p>one two</p>{odd}<p>the end</p>"):
        assert "end" not in cut(body, preview)


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

    def handle_starttag(self, tag: str, attrs: object) -> None:
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
