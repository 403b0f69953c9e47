"""Asking an API whatever its OpenAPI document allows and forbids, as everybody, and holding each answer against it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup

Check = Callable[..., Any]
# Half characters cannot be held against a schema; S6 sends them.
_SPOILS = ("\x00", "\x1b\x7f", "\ufeff")


@dataclass(slots=True)
class Interview:
    """A series of questions. `callers` are headers by name; `lead` makes a question one about something that exists."""

    schema: BaseSchema
    callers: Mapping[str, Mapping[str, str]]
    checks: list[Check]
    checks_of_refusals: list[Check]
    seed: int
    lead: Callable[[Case], None]
    base_url: str | None = None
    asked: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    answers_by_operation: dict[str, Counter[int]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Let the callers' credentials be the only ones."""
        self.schema.config.generation.with_security_parameters = False

    def operations(self) -> list[APIOperation[Any, Any, Any, Any]]:
        """Return what the document offers; what ends the caller's account comes last."""
        found = [one.ok() for one in self.schema.get_all_operations()]
        return sorted(found, key=lambda operation: operation.label == "DELETE /api/v1/me")

    def hold(self, *, each: int) -> None:
        """Ask so many questions of every operation and both modes: as the document says, and as it forbids."""
        for operation in self.operations():
            often = 10 if operation is self.operations()[-1] else each
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                self._ask_about(operation, mode, often=often)

    def _ask_about(
        self, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode, *, often: int
    ) -> None:
        @seed(self.seed)
        @settings(
            max_examples=often, database=None, deadline=None, phases=[Phase.generate], print_blob=False,
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(
            case=operation.as_strategy(generation_mode=mode),
            spoil=st.sampled_from(("", "", "", *_SPOILS)),
            _another=st.integers(),
        )
        def ask(case: Case, spoil: str, _another: int) -> None:
            # In turn, so that everybody is led to something at least once.
            caller, is_led = self._whose_turn()
            if is_led and mode is GenerationMode.POSITIVE:
                self.lead(case)
            is_spoiled = _spoil(case, spoil) if spoil else False
            checks = [*self.checks, *(self.checks_of_refusals if not is_spoiled else ())]
            self._put(case, caller=caller, checks=checks)

        try:
            ask()
        except Unsatisfiable:
            return  # this operation takes nothing that could be wrong

    def _whose_turn(self) -> tuple[str, bool]:
        names = sorted(self.callers)
        return names[self.asked % len(names)], self.asked // len(names) % 2 == 0

    def _put(self, case: Case, *, caller: str, checks: list[Check]) -> None:
        answer = case.call(base_url=self.base_url, headers=dict(self.callers[caller]))
        self.asked += 1
        self.answers[answer.status_code] += 1
        label = case.operation.label
        self.answers_by_operation.setdefault(label, Counter())[answer.status_code] += 1
        try:
            case.validate_response(answer, checks=checks)
        except (Failure, FailureGroup) as problem:
            for one in getattr(problem, "exceptions", (problem,)):
                self.failures[f"{label} as {caller}: {_in_short(one)}"] += 1


def _spoil(case: Case, letter: str) -> bool:
    """Put a letter that no column holds into every text of a body; tell whether there was one."""
    spoiled = _spoiled(case.body, letter)
    if spoiled == case.body:
        return False
    case.body = spoiled
    return True


def _spoiled(value: Any, letter: str) -> Any:
    match value:
        case str():
            return f"{value}{letter}"
        case dict():
            return {name: _spoiled(entry, letter) for name, entry in value.items()}
        case list():
            return [_spoiled(entry, letter) for entry in value]
        case _:
            return value


def _in_short(problem: BaseException) -> str:
    text = f"{getattr(problem, 'title', '')}: {getattr(problem, 'message', '') or problem}"
    return " ".join(text.split())[:300]


def undeclared(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield method and path of everything that the document does not offer, with a value for each part of a path."""
    for path, item in document["paths"].items():
        for method in ("get", "post", "put", "patch", "delete", "trace"):
            if method not in item:
                yield method.upper(), re.sub(r"\{\w+\}", "harbour-vote", path)
