"""What a guard is to the run that switches it off."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mutation:
    """A guard, the text that is it, what stands there without it, and the proof or test that tells."""

    guard: str
    file: str
    old: str
    new: str
    proof: str
    only: str = ""  # pytest's -k, where not all of that file is needed
    is_on_postgres: bool = False  # where SQLite, with its one writer, does not need the guard
    environment: Mapping[str, str] = field(
        default_factory=dict
    )  # for a proof that tells only when it goes on longer
