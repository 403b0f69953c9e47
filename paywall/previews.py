"""The part of a body that everybody may see, where the CMS states no teaser: cut here, never in the browser.

A cut never shows the whole: what is shorter than it should be, or has no marker, shows half or nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from html import escape
from html.parser import HTMLParser

_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905  as the standard lists them
)
# What is run or configures, rather than being read.
_UNREAD = frozenset({"script", "style", "template", "noscript", "iframe", "object"})
_PARAGRAPHS = frozenset({"p", "ul", "ol", "blockquote", "figure", "table", "pre"})
# Where one begins, an open paragraph ends, as the standard has it.
_END_A_PARAGRAPH = _PARAGRAPHS | frozenset(
    "address article aside details div dl fieldset footer form h1 h2 h3 h4 h5 h6 header hr main nav section".split()  # noqa: SIM905
)
_MARKERS = frozenset({"more", "paywall"})
# A body without paragraphs, all list or line breaks, is one: that must not show it whole.
_WORDS_OF_A_PARAGRAPH = 120
# Two signs of a script without spaces, or what stands between spaces: no more of it than a long word has letters.
_SIGNS = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_SIGNS}]{{1,2}}|[^\s{_SIGNS}]{{1,24}}")


class Unit(StrEnum):
    """By what a preview is measured."""

    PARAGRAPHS = "paragraphs"
    WORDS = "words"
    MARKER = "marker"  # what stands before `<!-- more -->` or `<!-- paywall -->`


@dataclass(frozen=True, slots=True)
class Preview:
    """How much of a body everybody may see."""

    unit: Unit
    length: int = 0


def cut(body: str, preview: Preview) -> str:
    """Return the beginning of an HTML body as HTML that closes what it opens.

    Less than the whole in any case: a body that would be shown whole is cut at half of its words.
    """
    shown, was_cut = _Cutter(preview).run(body)
    if was_cut:
        return shown
    if preview.unit is Unit.MARKER:
        return ""
    counter = _Cutter(Preview(Unit.MARKER))
    counter.run(body)
    return _Cutter(Preview(Unit.WORDS, counter.words // 2)).run(body)[0]


class _Cutter(HTMLParser):
    """Copies a body until enough was copied, and goes on only to see whether anything was left."""

    def __init__(self, preview: Preview) -> None:
        super().__init__()
        self.words = 0  # of the whole
        self._preview = preview
        self._most_words = _most_words(preview)
        self._kept: list[str] = []
        self._open: list[str] = []
        self._paragraphs = 0
        self._is_full = self._most_words == 0
        self._was_cut = False
        self._unread = 0

    def run(self, body: str) -> tuple[str, bool]:
        """Return what was kept, and whether any text was left out."""
        try:
            self.feed(body)
            self.close()
        except AssertionError:  # how the parser refuses what is not even wrong HTML
            return "", False
        ends = "".join(f"</{tag}>" for tag in reversed(self._open))
        return "".join(self._kept) + ends, self._was_cut

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  the parser's
        if tag in _UNREAD:
            self._unread += 1
        elif self._is_kept:
            if tag in _END_A_PARAGRAPH and "p" in self._open:
                self._end("p")
            if self._is_kept:
                self._kept.append(self.get_starttag_text() or "")
                self._open.extend({tag} - _VOID)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  the parser's
        if tag not in _UNREAD and self._is_kept:
            self._kept.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNREAD:
            self._unread = max(0, self._unread - 1)
        elif self._is_kept and tag in self._open:
            self._end(tag)

    def handle_data(self, data: str) -> None:
        if self._unread:
            return
        words = tuple(_WORD.finditer(data))
        room = self._most_words - self.words if self._most_words is not None else len(words)
        self.words += len(words)
        if self._is_full:
            self._was_cut |= bool(words)
        elif len(words) > room:
            self._kept.append(escape(data[: words[room - 1].end()], quote=False) + " …")
            self._is_full = self._was_cut = True
        else:
            # Escaped, so that a stray sign does not swallow the tag that we close.
            self._kept.append(escape(data, quote=False))
            self._is_full = self.words == self._most_words

    def handle_comment(self, data: str) -> None:
        if self._preview.unit is Unit.MARKER and data.strip().casefold() in _MARKERS:
            self._is_full = True

    @property
    def _is_kept(self) -> bool:
        return not self._unread and not self._is_full

    def _end(self, tag: str) -> None:
        """Close an open tag and all that were opened in it."""
        while self._open:
            closed = self._open.pop()
            self._kept.append(f"</{closed}>")
            if closed == tag:
                break
        if tag in _PARAGRAPHS and not _PARAGRAPHS.intersection(self._open):
            self._paragraphs += 1
            if self._preview.unit is Unit.PARAGRAPHS and self._paragraphs >= self._preview.length:
                self._is_full = True


def _most_words(preview: Preview) -> int | None:
    match preview.unit:
        case Unit.WORDS:
            return max(0, preview.length)
        case Unit.PARAGRAPHS:
            return max(0, preview.length) * _WORDS_OF_A_PARAGRAPH
        case Unit.MARKER:
            return None
