"""The part of a body that everybody may see, where the CMS states no teaser: cut here, never in the browser.

A cut never shows the whole: what is shorter than it should be, or has no marker, shows half or nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from html.parser import HTMLParser

_VOID = frozenset(
    "area base br col embed hr img input link meta param source track wbr".split()  # noqa: SIM905  as the standard lists them
)
# What is run or configures, rather than being read.
_UNREAD = frozenset({"script", "style", "template", "noscript", "iframe", "object"})
_PARAGRAPHS = frozenset({"p", "ul", "ol", "blockquote", "figure", "table", "pre"})
_MARKERS = frozenset({"more", "paywall"})


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
    if preview.unit is Unit.MARKER:
        before, was_found = _Cutter(preview).run(body)
        return before if was_found else ""
    shown, was_cut = _Cutter(preview).run(body)
    if was_cut:
        return shown
    counter = _Cutter(Preview(Unit.PARAGRAPHS, 0))
    counter.run(body)
    return _Cutter(Preview(Unit.WORDS, counter.words // 2)).run(body)[0]


class _Cutter(HTMLParser):
    """Copies a body until enough was copied, and goes on only to see whether anything was left."""

    def __init__(self, preview: Preview) -> None:
        super().__init__(convert_charrefs=False)
        self.words = 0  # of the whole
        self._preview = preview
        self._kept: list[str] = []
        self._open: list[str] = []
        self._paragraphs = 0
        self._is_full = False
        self._was_cut = False
        self._unread = 0

    def run(self, body: str) -> tuple[str, bool]:
        """Return what was kept, and whether anything was left out."""
        self._is_full = self._preview.unit is Unit.WORDS and self._preview.length < 1
        self.feed(body)
        self.close()
        ends = "".join(f"</{tag}>" for tag in reversed(self._open))
        return "".join(self._kept) + ends, self._was_cut

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  the parser's
        if tag in _UNREAD:
            self._unread += 1
        elif not self._unread and not self._is_full:
            self._kept.append(self.get_starttag_text() or "")
            if tag not in _VOID:
                self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002  the parser's
        if tag not in _UNREAD and not self._unread and not self._is_full:
            self._kept.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNREAD:
            self._unread = max(0, self._unread - 1)
        elif not self._unread and not self._is_full and tag in self._open:
            while self._open:
                closed = self._open.pop()
                self._kept.append(f"</{closed}>")
                if closed == tag:
                    break
            self._count_paragraph(tag)

    def handle_data(self, data: str) -> None:
        data = data.replace("<", "&lt;")  # a stray one, which would swallow the tag that we close
        words = data.split()
        if self._unread or not words:
            self._keep(data)
            return
        self.words += len(words)
        if self._is_full:
            self._was_cut = True
        elif self._preview.unit is Unit.WORDS and self.words > self._preview.length:
            room = len(words) - (self.words - self._preview.length)
            self._keep(f"{' ' if data[0].isspace() else ''}{' '.join(words[:room])} …")
            self._is_full = self._was_cut = True
        else:
            self._keep(data)
            self._is_full = self._preview.unit is Unit.WORDS and self.words == self._preview.length

    def handle_entityref(self, name: str) -> None:
        self._keep(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._keep(f"&#{name};")

    def handle_comment(self, data: str) -> None:
        if self._preview.unit is Unit.MARKER and data.strip().casefold() in _MARKERS and not self._is_full:
            self._is_full = self._was_cut = True

    def _keep(self, text: str) -> None:
        if not self._is_full and not self._unread:
            self._kept.append(text)

    def _count_paragraph(self, tag: str) -> None:
        if tag in _PARAGRAPHS and not _PARAGRAPHS.intersection(self._open):
            self._paragraphs += 1
            if self._preview.unit is Unit.PARAGRAPHS and self._paragraphs >= self._preview.length > 0:
                self._is_full = True
