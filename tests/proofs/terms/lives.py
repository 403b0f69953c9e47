"""A subscription from its first renewal to its last, seen through looks that come late, by a clock that is wrong.

Stripe's clock and ours differ by up to ten minutes; each change at Stripe is looked at up to ten minutes after it. What
the reader is owed is worked out from those numbers alone: open throughout, but for the gaps that settings leave.
"""

from __future__ import annotations

import itertools
from bisect import bisect_right
from dataclasses import dataclass, field

from hypothesis import strategies as st

from tests.proofs.terms.terms import DAY, HOUR, Settings, Story, invoice, periods, promises, subscription

_TEN_MINUTES = 600
_GIVES_UP_AFTER = 14 * DAY  # Stripe's own retries
_OUTCOMES = st.sampled_from(list(itertools.product(("paid", "paid", "paid", "fixed", "never"), repeat=3)))
_LATE = st.just(0) | st.integers(0, _TEN_MINUTES)
_LAGS = st.integers(0, _TEN_MINUTES)


@dataclass(frozen=True, slots=True)
class Look:
    """What we know from a moment (of our clock) on."""

    at: int
    picture: Story


@dataclass(frozen=True, slots=True)
class Life:
    """What we knew when, and the `gaps` (our clock, half-open) in which a door may and must be closed."""

    promised: Settings
    looks: tuple[Look, ...]
    gaps: tuple[tuple[int, int], ...]
    turns: tuple[int, ...]  # moments at which anything may change
    ends: int
    pays: bool

    @property
    def kind(self) -> str:
        """Who this is, in a word or two."""
        if not self.pays:
            return "non-payer"
        return "late payer" if self.gaps else "payer"

    @property
    def first_look(self) -> int:
        """When we first knew."""
        return self.looks[0].at

    def known_at(self, moment: float) -> int:
        """Return which of the looks is in force."""
        return bisect_right([look.at for look in self.looks], moment) - 1


@dataclass(slots=True)
class _Course:
    """A life while it is told: `began` and `month` in seconds, `skew` is how far our clock is ahead of Stripe's."""

    draw: st.DrawFn
    promised: Settings
    skew: int
    began: int
    month: int
    looks: list[Look] = field(default_factory=list)
    gaps: list[tuple[int, int]] = field(default_factory=list)
    turns: set[int] = field(default_factory=set)

    def look(self, changed: int, picture: Story) -> int:
        """See a change at Stripe (its clock) a little later; return when (our clock)."""
        seen = changed + self.skew + self.draw(_LAGS)
        self.looks.append(Look(seen, picture))
        self.turns |= {changed, seen}
        return seen

    def is_closed(self, begins: int, ends: int) -> None:
        """Note a gap, if there is one between these moments."""
        self.turns |= {begins, ends}
        if begins < ends:
            self.gaps.append((begins, ends))

    def renew(self, end: int) -> int:
        """Open the next period at the end of one, or somewhat late; return when (Stripe's clock)."""
        rolled = end + self.draw(_LATE)
        seen = self.look(rolled, _active(self.began, end, end + self.month))
        self.is_closed(end + self.promised.slack, seen)
        return rolled

    def fail(self, end: int, *, due: int) -> int:
        """Let the charge fail; return until when the door is open then, unless it is settled before (our clock)."""
        seen = self.look(due, _failing(self.began, end, end + self.month, due=due))
        return max(due + self.promised.grace, seen)

    def fix(self, end: int, *, due: int) -> None:
        """Let the charge fail and be paid after all."""
        soon = st.integers(3 * _TEN_MINUTES, self.promised.grace + 6 * _TEN_MINUTES)
        settled = due + self.draw(st.one_of(soon, st.integers(3 * _TEN_MINUTES, 13 * DAY)))
        closes = self.fail(end, due=due)
        self.is_closed(closes, self.look(settled, _active(self.began, end, end + self.month)))

    def give_up(self, end: int, *, due: int) -> None:
        """Let the charge fail for good. That it ended is no reason to open what was closed."""
        settled = due + _GIVES_UP_AFTER
        closes = self.fail(end, due=due)
        seen = self.look(settled, _ended(self.began, end, end + self.month, due=due, ended=settled))
        self.is_closed(closes, seen)
        self.is_closed(max(seen, min(due + self.promised.grace, settled)), seen + 3 * self.month)


@st.composite
def lives(draw: st.DrawFn) -> Life:
    """Three renewals: on time, late, refused and paid in the end, or never paid."""
    promised, skew, first = draw(promises), draw(st.integers(-_TEN_MINUTES, _TEN_MINUTES)), draw(periods)
    course = _Course(draw, promised, skew, first.start, first.next_end - first.end)
    course.look(first.start, _active(first.start, first.start, first.end))
    outcomes = draw(_OUTCOMES)
    end = first.end
    for outcome in outcomes:
        due = course.renew(end) + HOUR  # Stripe keeps a draft for an hour before it charges
        if outcome == "fixed":
            course.fix(end, due=due)
        elif outcome == "never":
            course.give_up(end, due=due)
            break
        end += course.month
    pays = "never" not in outcomes
    ends = end if pays else course.looks[-1].at + 2 * course.month
    return Life(promised, tuple(course.looks), tuple(course.gaps), tuple(course.turns), ends, pays)


def _active(began: int, start: int, end: int) -> Story:
    theirs = subscription("active", name="life", began=began, start=start, end=end)
    return Story("life", theirs, (), began, end, end)


def _failing(began: int, start: int, end: int, *, due: int) -> Story:
    theirs = subscription("past_due", name="life", began=began, start=start, end=end)
    owed = invoice("open", of="life", created=start, finalized=due, tried=True)
    return Story("life", theirs, (owed,), began, due, due)


def _ended(began: int, start: int, end: int, *, due: int, ended: int) -> Story:
    owing = _failing(began, start, end, due=due)
    theirs = {**owing.subscription, "status": "canceled", "canceled_at": ended, "ended_at": ended}
    return Story("life", theirs, owing.invoices, began, due, due)
