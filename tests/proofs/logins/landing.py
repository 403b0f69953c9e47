"""Where a browser lands that follows an address: what the WHATWG URL standard reads in other ways than servers do.

`urlsplit` and Django's own check are what is tried here, so nothing of them is used.
"""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser
from urllib.parse import unquote

_SPECIAL = {"http", "https", "ws", "wss", "ftp"}
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
_EDGES = "".join(chr(number) for number in range(33))
_LEADING = {"href", "src", "action", "formaction", "data", "poster"}


def origin(address: str, *, base: str) -> str:
    """Return the origin at which somebody on `base` ends up, or the scheme of an address that is no place."""
    here, _, _ = base.partition("://")
    text = re.sub(r"[\t\n\r]", "", address.strip(_EDGES))
    found = _SCHEME.match(text)
    scheme = found[1].lower() if found else here
    rest = text[found.end() :] if found else text
    if scheme not in _SPECIAL:
        return f"{scheme}:"
    rest = rest.replace("\\", "/") if "?" not in rest and "#" not in rest else _backslashes(rest)
    if (found is None or scheme == here) and not rest.startswith("//"):
        return base
    authority = re.split(r"[/?#]", rest.lstrip("/"), maxsplit=1)[0]
    return f"{scheme}://{_host(authority.rpartition('@')[2])}"


def links(page: str) -> list[str]:
    """Return every address in a page to which it leads or sends by itself."""
    reader = _Links()
    reader.feed(page)
    return reader.found


def _backslashes(rest: str) -> str:
    head = re.split(r"[?#]", rest, maxsplit=1)[0]
    return head.replace("\\", "/") + rest[len(head) :]


def _host(name: str) -> str:
    plain = unicodedata.normalize("NFKC", unquote(name)).replace("\u3002", ".").lower()
    return re.sub("[\u00ad\u200b\u2060\ufeff]", "", plain)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what leads elsewhere."""
        given = {name: value or "" for name, value in attrs}
        self.found += [given[name] for name in _LEADING & set(given)]
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.found.append(given.get("content", "").partition("=")[2])
