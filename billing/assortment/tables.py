"""Tables of a TOML file, read strictly: what is wrong is noted with its place in the file, and reading goes on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.utils.translation import gettext as _

_LONGEST_TEXT = 1000


class Table:
    """One table of the file. Each value is taken once; `close` notes what nobody asked for."""

    def __init__(self, given: object, *, path: str, problems: list[str]) -> None:
        self._path = path
        self._problems = problems
        self._left: dict[str, Any] = dict(given) if isinstance(given, Mapping) else {}
        if not isinstance(given, Mapping):
            self.note(_("must be a table."))

    def note(self, problem: str, *, name: str = "") -> None:
        """Keep what is wrong, with its place."""
        place = ".".join(part for part in (self._path, name) if part)
        self._problems.append(f"{place}: {problem}" if place else problem)

    def tables(self, name: str) -> Iterator[tuple[str, Table]]:
        """Walk the tables below a name."""
        given = self._left.pop(name, {})
        path = ".".join(part for part in (self._path, name) if part)
        if not isinstance(given, Mapping):
            self.note(_("must hold tables, such as [%(place)s.name].") % {"place": path}, name=name)
            return
        for key, below in given.items():
            yield key, Table(below, path=f"{path}.{key}", problems=self._problems)

    def text(self, name: str, *, needed: bool = False) -> str:
        """Take a text."""
        value = self._take(name, needed=needed)
        if value is None:
            return ""
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT or (needed and not value.strip()):
            self.note(_("must be a text in quotes."), name=name)
            return ""
        return value.strip()

    def word(self, name: str, words: Collection[str], *, default: str | None = None) -> str:
        """Take one of these words; without a default it is needed."""
        value = self._take(name, needed=default is None)
        if value is None:
            return default or ""
        if not isinstance(value, str) or value not in words:
            listed = ", ".join(sorted(words))
            self.note(_("must be one of %(words)s, not %(value)r.") % _slots(value, words=listed), name=name)
            return default or ""
        return value

    def words(self, name: str) -> tuple[str, ...]:
        """Take a list of texts, each once; none where it is left out."""
        value = self._take(name)
        if value is None:
            return ()
        if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
            self.note(_('must be a list of texts, such as ["premium"].'), name=name)
            return ()
        return tuple(dict.fromkeys(value))

    def number(self, name: str, *, least: int, most: int, needed: bool = False) -> int | None:
        """Take a whole number; a decimal point is refused, because nobody can say what was meant."""
        value = self._take(name, needed=needed)
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            slots = _slots(value, least=least, most=most)
            self.note(
                _("must be a whole number from %(least)s to %(most)s, not %(value)r.") % slots, name=name
            )
            return None
        return value

    def percent(self, name: str) -> Decimal | None:
        """Take a share of a hundred, with at most two digits after the point."""
        value = self._take(name)
        if value is None:
            return None
        share = (
            Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else None
        )
        if share is None or not share.is_finite() or not 0 < share <= 100 or share != round(share, 2):
            self.note(_("must be a number above 0 and up to 100, not %(value)r.") % _slots(value), name=name)
            return None
        return share.normalize()

    def flag(self, name: str, *, default: bool) -> bool:
        """Take true or false."""
        value = self._take(name)
        if value is None:
            return default
        if not isinstance(value, bool):
            self.note(_("must be true or false, not %(value)r.") % _slots(value), name=name)
            return default
        return value

    def moment(self, name: str) -> datetime | None:
        """Take a date with time and zone."""
        value = self._take(name)
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            self.note(_("must be a moment with its zone, such as 2027-01-01T00:00:00Z."), name=name)
            return None
        return value.replace(microsecond=0)

    def named(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return which of these values are given."""
        return tuple(name for name in names if name in self._left)

    def refuse(self, names: Iterable[str], problem: str) -> None:
        """Take whichever of these values are given, and note what is wrong with that."""
        for name in self.named(names):
            del self._left[name]
            self.note(problem, name=name)

    def close(self) -> None:
        """Note what nobody asked for: a word mistyped would otherwise change nothing and say nothing."""
        for name in self._left:
            self.note(_("is not known here."), name=name)

    def _take(self, name: str, *, needed: bool = False) -> Any:
        value = self._left.pop(name, None)
        if value is None and needed:
            self.note(_("is missing."), name=name)
        return value


def _slots(value: object, **more: object) -> dict[str, object]:
    # Not more of it than one needs to find it in the file.
    return {"value": value if not isinstance(value, str) else value[:60], **more}
