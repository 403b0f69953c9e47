"""Every address of the service with sample values for its parts, read from the URLconf: a new route shows up."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from django.contrib.admindocs.utils import (
    remove_non_capturing_groups,
    replace_named_groups,
    replace_unnamed_groups,
)
from django.urls import URLPattern, URLResolver, get_resolver

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


@dataclass(frozen=True, slots=True)
class Route:
    """One address, ready to be asked; `name` is with its namespaces, or the pattern where the route has no name."""

    name: str
    path: str
    pattern: str


def all_routes(*, samples: Mapping[str, str]) -> list[Route]:
    """Return every route, each once.

    `samples` gives a value for each named part of a path, "1" where none is given. A part below a certain prefix is
    named with it: `{"admin/paywall/product/object_id": "premium"}`.
    """
    found: dict[str, Route] = {}
    for route in _walk(get_resolver().url_patterns, "", (), samples):
        found.setdefault(route.path, route)  # as Django does: of two, the first answers
    return sorted(found.values(), key=lambda route: route.path)


def _walk(
    patterns: list[URLPattern | URLResolver], prefix: str, spaces: tuple[str, ...], samples: Mapping[str, str]
) -> Iterator[Route]:
    for entry in patterns:
        pattern = prefix + _plain(str(entry.pattern))
        if isinstance(entry, URLResolver):
            inner = (*spaces, entry.namespace) if entry.namespace else spaces
            yield from _walk(entry.url_patterns, pattern, inner, samples)
        else:
            name = ":".join((*spaces, entry.name)) if entry.name else f"/{pattern}"
            yield Route(name=name, path=f"/{_filled(pattern, samples)}", pattern=f"/{pattern}")


def _plain(pattern: str) -> str:
    """Return a pattern with `<part>` for each part, whichever way it was written."""
    text = replace_unnamed_groups(remove_non_capturing_groups(replace_named_groups(pattern)))
    text = re.sub(r"<\w+:(\w+)>", r"<\1>", text)
    return re.sub(r"\\Z|[\^$?\\]", "", text)


def _filled(pattern: str, samples: Mapping[str, str]) -> str:
    def value(part: re.Match[str]) -> str:
        return samples.get(pattern[: part.start()] + part[1], samples.get(part[1], "1"))

    return re.sub(r"<(\w+)>", value, pattern)
