"""Who asks for what: the readers that the load plays, out of all that there are, and the articles they ask for.

Ours and the naive service are seeded alike: the first half of the readers subscribe, each of the others has spent a
free read on the article that has their number, and only those who ask are signed in.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass

ARTICLES = 100  # of each kind
ASKING = 1000  # of each kind of reader, at most
BODY = (
    "<p>" + "The harbour votes on Sunday, and nobody in the old town talks of anything else. " * 80 + "</p>"
)
SITE = "https://www.news.example"


@dataclass(frozen=True, slots=True)
class Reader:
    """A signed-in reader's number, and what their browser sends."""

    number: int
    session: str
    device: str = ""


@dataclass(frozen=True, slots=True)
class Cast:
    """All who ask. `tokens` are access tokens of the subscribers, `keys` the set that verifies them."""

    subscribers: tuple[Reader, ...]
    metered: tuple[Reader, ...]
    devices: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    keys: str = ""

    def to_json(self) -> str:
        """Return the cast as one process tells it another."""
        return json.dumps(asdict(self))


def from_json(text: str) -> Cast:
    """Return the cast that another process told."""
    said = json.loads(text)
    return Cast(
        subscribers=tuple(Reader(**one) for one in said["subscribers"]),
        metered=tuple(Reader(**one) for one in said["metered"]),
        devices=tuple(said["devices"]),
        tokens=tuple(said["tokens"]),
        keys=said["keys"],
    )


def numbers(readers: int) -> tuple[range, range]:
    """Return the numbers of the subscribers and of the metered readers who ask, spread over all of them."""
    half = readers // 2
    # Without a factor in common with the articles, so that all of these are asked for.
    step = next(each for each in range(max(1, half // ASKING), 0, -1) if math.gcd(each, ARTICLES) == 1)
    return range(1, half + 1, step)[:ASKING], range(half + 1, readers + 1, step)[:ASKING]


def premium(number: int) -> str:
    """Return the id of an article for subscribers."""
    return f"premium-{number % ARTICLES}"


def metered(number: int) -> str:
    """Return the id of a metered article: the one on which the reader of this number spent a free read."""
    return f"metered-{number % ARTICLES}"
