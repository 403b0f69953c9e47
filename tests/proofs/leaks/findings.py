"""What is wrong with an answer: text of a body for somebody who may not read it, or leave to keep a personal answer."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import unquote

from tests.proofs.leaks.asking import Answer, Watch, ask
from tests.proofs.leaks.cast import PUBLISHED, Caller
from tests.proofs.leaks.variants import Variant

# The one place that hands out a body, to those who may read it.
READ = f"/api/v1/articles/{PUBLISHED}/read"
# The same for everybody, so a browser or a shared cache may keep it.
_PUBLIC = ("/static/", "/.well-known/", "/admin/jsi18n/")


@dataclass(frozen=True, slots=True)
class Finding:
    """Text of a body, or a personal answer that may be kept, where it should not be."""

    caller: str
    how: str
    what: tuple[str, ...]


def look_at(caller: Caller, answer: Answer, *, how: str) -> Iterator[Finding]:
    """Yield what is wrong with an answer: text that its caller may not read, or leave to keep it."""
    path = unquote(answer.path.split("?")[0])
    is_door = caller.may_read and answer.method == "POST" and path == READ
    found = tuple(leak for leak in answer.leaks if not (is_door and leak.startswith("content:")))
    if found:
        yield Finding(caller.name, f"{how}: {answer.method} {answer.path} {answer.status}", found)
    is_public = answer.path.startswith(_PUBLIC) and answer.cache_control
    if "no-store" not in answer.cache_control and not is_public:
        yield Finding(
            caller.name, f"{how}: {answer.method} {answer.path}", (f"cache: {answer.cache_control!r}",)
        )


def ask_oddly(
    callers: Iterable[Caller], paths: Iterable[str], variants: Iterable[Variant], *, watch: Watch
) -> Iterator[tuple[Caller, Variant, Answer]]:
    """Ask for every address in every odd way as everybody."""
    for caller, path, variant in itertools.product(callers, tuple(paths), tuple(variants)):
        for method in variant.methods:
            answer = ask(
                caller, method, variant.spell(path), query=variant.query, headers=variant.headers, watch=watch
            )
            yield caller, variant, answer
