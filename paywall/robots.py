"""The crawlers that can prove whose they are, and by what: their owners' published networks, or names in DNS.

Whoever is not listed is read as anybody. Left out on purpose: fetchers that anybody can send (a translator, a chat that
opens a link), names that are words to robots.txt only (Googlebot-News, Google-Extended), owners that publish nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

_LONGEST_AGENT = 512


class Kind(StrEnum):
    """What the owner of a crawler does with an article."""

    SEARCH = "search"
    AI_SEARCH = "ai_search"
    AI_TRAINING = "ai_training"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Robot:
    """A crawler: by which word it calls itself, and by what it proves that.

    `lists` are the owner's documents of networks. `hosts` are the owner's domains in which the name of an address lies
    that leads back to the address.
    """

    name: str
    kind: Kind
    lists: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()


KNOWN = (
    # Not google.com: below it also lie the addresses of what its users send.
    Robot(
        "Googlebot",
        Kind.SEARCH,
        lists=("https://developers.google.com/static/crawling/ipranges/common-crawlers.json",),
        hosts=("googlebot.com",),
    ),
    Robot(
        "bingbot",
        Kind.SEARCH,
        lists=("https://www.bing.com/toolbox/bingbot.json",),
        hosts=("search.msn.com",),
    ),
    Robot(
        "Applebot",
        Kind.SEARCH,
        lists=("https://search.developer.apple.com/applebot.json",),
        hosts=("applebot.apple.com",),
    ),
    Robot("DuckDuckBot", Kind.SEARCH, lists=("https://duckduckgo.com/duckduckbot.json",)),
    Robot("YandexBot", Kind.SEARCH, hosts=("yandex.ru", "yandex.net", "yandex.com")),
    Robot("Baiduspider", Kind.SEARCH, hosts=("baidu.com", "baidu.jp")),
    Robot("OAI-SearchBot", Kind.AI_SEARCH, lists=("https://openai.com/searchbot.json",)),
    Robot("PerplexityBot", Kind.AI_SEARCH, lists=("https://www.perplexity.com/perplexitybot.json",)),
    Robot("GPTBot", Kind.AI_TRAINING, lists=("https://openai.com/gptbot.json",)),
    Robot(
        "CCBot",
        Kind.AI_TRAINING,
        lists=("https://index.commoncrawl.org/ccbot.json",),
        hosts=("crawl.commoncrawl.org",),
    ),
    Robot("archive.org_bot", Kind.ARCHIVE, hosts=("archive.org",)),
)

_BY_WORD = tuple((robot.name.lower(), robot) for robot in KNOWN)


def claimed(agent: str) -> Robot | None:
    """Return the crawler that a client says it is, which proves nothing."""
    said = agent[:_LONGEST_AGENT].lower()
    return next((robot for word, robot in _BY_WORD if word in said), None)


def of_kind(kind: Kind) -> tuple[Robot, ...]:
    """Return the crawlers of one kind."""
    return tuple(robot for robot in KNOWN if robot.kind is kind)


def named(name: str) -> Robot | None:
    """Return a crawler by its name."""
    return next((robot for robot in KNOWN if robot.name == name), None)
