"""The articles that this process has in memory, each as of its stamp and of the catalogue's."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from accounts import shelf
from paywall import articles
from paywall.express.questions import Kind, Question
from paywall.models import Article

# About two kilobytes each, without bodies. Beyond that the stock is laid in anew.
_MOST = 5_000


@dataclass(frozen=True, slots=True)
class Named:
    """The article that a question is about; where an address led to it, under which stamp of all paths."""

    article_id: str
    paths: bytes | None = None
    laid_in_at: float = math.inf  # of the process's own clock

    def still_leads(self, paths: bytes | None) -> bool:
        """Whether the address still leads there, given the stamp of all paths by now."""
        return self.paths is None or (self.paths == paths and not _is_old(self.laid_in_at))


@dataclass(frozen=True, slots=True)
class _Stocked:
    article: Article
    stamps: tuple[bytes, bytes]
    laid_in_at: float


class Stock:
    """Articles without bodies, which of them lies at which path, and of whom nothing can be kept.

    Safe for threads: an entry is put whole or not at all, and each is compared with its stamps before it is used.
    """

    def __init__(self) -> None:
        self._articles: dict[str, _Stocked] = {}
        self._paths: dict[str, Named] = {}
        self._vain: dict[str, float] = {}

    def named(self, question: Question) -> Named | None:
        """Return which article a question is about; None where that is not known here."""
        if question.kind is Kind.PEEK:
            return Named(question.article_id)
        path = articles.one_path(question.uris)
        return self._paths.get(path) if path is not None else None

    def article(self, article_id: str, *, stamps: tuple[bytes | None, bytes | None]) -> Article | None:
        """Return an article if it was fetched under these stamps, its own and the catalogue's, and not long ago."""
        found = self._articles.get(article_id)
        if found is None or found.stamps != stamps or _is_old(found.laid_in_at):
            return None
        return found.article

    def put(self, article: Article, *, stamps: tuple[bytes, bytes]) -> None:
        """Lay in an article that was fetched after these stamps were read."""
        if len(self._articles) >= _MOST:
            self._articles = {}
        self._articles[article.id] = _Stocked(article, stamps, time.monotonic())

    def put_at(self, path: str, article_id: str, *, stamp: bytes) -> None:
        """Remember which article lies at a path."""
        if len(self._paths) >= _MOST:
            self._paths = {}
        self._paths[path] = Named(article_id, stamp, time.monotonic())

    def is_vain(self, key: str) -> bool:
        """Whether it was found out lately that nothing can be kept under this key."""
        return not _is_old(self._vain.get(key, -math.inf))

    def note_vain(self, key: str) -> None:
        """Remember that nothing can be kept under this key, so that nobody pays for trying each time."""
        if len(self._vain) >= _MOST:
            self._vain = {}
        self._vain[key] = time.monotonic()


def _is_old(laid_in_at: float) -> bool:
    return time.monotonic() - laid_in_at > shelf.LONGEST.total_seconds()
