"""The odd ways of asking for an article: other spellings of its address, other headers, other parameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


def _same(path: str) -> str:
    return path


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of asking."""

    name: str
    spell: Callable[[str], str] = _same
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    methods: tuple[str, ...] = ("GET", "POST")


def _last_letter_escaped(path: str) -> str:
    return f"{path[:-1]}%{ord(path[-1]):02x}"


def _in_the_middle(path: str, what: str) -> str:
    head, _slash, tail = path.rstrip("/").rpartition("/")
    return f"{head}{what}{tail}"


_SPELLINGS = (
    Variant("slash", lambda path: path.rstrip("/") if path.endswith("/") else f"{path}/"),
    Variant("two slashes", lambda path: _in_the_middle(path, "//")),
    Variant("semicolon", lambda path: f"{path};a=b"),
    Variant("capitals", str.upper),
    Variant("%2e", lambda path: f"{path}%2e"),
    Variant("%2e as a step", lambda path: _in_the_middle(path, "/%2e/")),
    Variant("dots as a step back", lambda path: _in_the_middle(path, "/x/../")),
    Variant("%2f", lambda path: _in_the_middle(path, "%2f")),
    Variant("a letter escaped", _last_letter_escaped),
    Variant("a space after it", lambda path: f"{path}%20"),
    Variant(".json", lambda path: f"{path}.json"),
    Variant(".md", lambda path: f"{path}.md"),
)
_PARAMETERS = tuple(
    Variant(f"?format={kind}", query=f"format={kind}")
    for kind in ("json", "html", "xml", "md", "amp", "api", "rss")
)
_FIELDS = (
    Variant("?fields=", query="fields=body,id&expand=body&include=body&embed=body&with=body"),
    Variant("?preview=", query="preview=1&print=1&full=1&view=full&draft=1&debug=1&cursor="),
    Variant("?_method=", query="_method=POST&method=POST"),
)
_HEADERS = tuple(
    Variant(name, headers=headers)
    for name, headers in {
        "a range": {"Range": "bytes=0-4000", "If-Range": '"x"'},
        "its end": {"Range": "bytes=-500"},
        "If-None-Match": {"If-None-Match": "*"},
        "If-Modified-Since": {"If-Modified-Since": "Sat, 29 Oct 1994 19:43:31 GMT", "If-None-Match": '"x"'},
        "If-Match": {"If-Match": "*", "If-Unmodified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
        "HTML": {"Accept": "text/html"},
        "XML": {"Accept": "application/rss+xml, application/xml;q=0.9"},
        "Markdown": {"Accept": "text/markdown, text/plain"},
        "ActivityPub": {"Accept": 'application/ld+json; profile="https://www.w3.org/ns/activitystreams"'},
        "nonsense": {"Accept": "image/*;q=2, ;;, */"},
        "packed": {"Accept-Encoding": "gzip, deflate, br"},
        "another method": {
            "X-HTTP-Method-Override": "POST",
            "X-HTTP-Method": "GET",
            "X-Method-Override": "GET",
        },
        "a script": {"X-Requested-With": "XMLHttpRequest", "Purpose": "prefetch"},
        "another address": {"X-Original-URL": "/api/v1/articles/harbour-vote/read", "X-Rewrite-URL": "/"},
        "another host": {"X-Forwarded-Host": "localhost:8001", "Origin": "http://localhost:8001"},
    }.items()
)
PLAIN = Variant("plain", methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))
VARIANTS = (PLAIN, *_SPELLINGS, *_PARAMETERS, *_FIELDS, *_HEADERS)
