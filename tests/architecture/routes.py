"""Every address of the service with sample values for its parts, read from the URLconf: a new route shows up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Route:
    """One address, ready to be asked."""

    name: str
    path: str


def all_routes(*, samples: dict[str, str]) -> list[Route]:
    """Return every route; `samples` gives a value for each named part of a path, "1" where none is given."""
    found = {route.path: route for route in _walk(get_resolver().url_patterns, "", samples)}
    return sorted(found.values(), key=lambda route: route.path)


def _walk(patterns: list[URLPattern | URLResolver], prefix: str, samples: dict[str, str]) -> Iterator[Route]:
    for entry in patterns:
        here = prefix + _concrete(str(entry.pattern), samples)
        if isinstance(entry, URLResolver):
            yield from _walk(entry.url_patterns, here, samples)
        else:
            yield Route(name=entry.name or "", path="/" + here.lstrip("/"))


def _concrete(pattern: str, samples: dict[str, str]) -> str:
    text = re.sub(r"<(?:\w+:)?(\w+)>", lambda part: samples.get(part[1], "1"), pattern)
    text = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", lambda part: samples.get(part[1], "1"), text)
    text = re.sub(r"\(\?:[^()]*\)\??", "", text)
    return text.replace("^", "").replace("$", "").replace("\\Z", "").replace("\\", "").removesuffix("/?")
