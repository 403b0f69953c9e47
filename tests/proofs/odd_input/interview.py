"""Asking an API whatever its OpenAPI document allows and forbids, as everybody, and holding each answer against it."""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import APIOperation, BaseSchema, Case, GenerationMode
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.core.transport import Response

Check = Callable[..., Any]
# Asks the same with this body instead, and returns what is answered: for what has to be repeated.
Ask = Callable[[Mapping[str, Any]], Mapping[str, Any]]
# Half characters cannot be held against a schema; S6 sends them.
_SPOILS = ("\x00", "\x1b\x7f", "\ufeff")


@dataclass(slots=True)
class Interview:
    """A series of questions. `callers` are headers by name; `lead` makes of a question one that may be granted."""

    schema: BaseSchema
    callers: Mapping[str, Mapping[str, str]]
    checks: list[Check]
    checks_of_refusals: list[Check]
    seed: int
    lead: Callable[[Case, str, Ask], None]
    base_url: str | None = None
    asked: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    answers_by_operation: dict[str, Counter[int]] = field(default_factory=dict)
    failures: Counter[str] = field(default_factory=Counter)
    _turns: Iterator[int] = field(default_factory=itertools.count)

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
            caller, is_led = self._whose_turn(mode)
            if is_led:
                self.lead(case, caller, partial(self._show, case, caller=caller))
            spoiled = _spoiled(case.body, spoil)
            is_spoiled = spoiled != case.body
            if is_led or not is_spoiled:  # what may be granted is asked as it is in any case
                self._put(case, caller=caller, checks=[*self.checks, *self.checks_of_refusals])
            if is_spoiled:
                case.body = spoiled
                self._put(case, caller=caller, checks=self.checks)

        try:
            ask()
        except Unsatisfiable:
            return  # this operation takes nothing that could be wrong

    def _whose_turn(self, mode: GenerationMode) -> tuple[str, bool]:
        turn, names = next(self._turns), sorted(self.callers)
        is_led = mode is GenerationMode.POSITIVE and turn // len(names) % 2 == 0
        return names[turn % len(names)], is_led

    def _put(self, case: Case, *, caller: str, checks: list[Check]) -> None:
        answer = self._answer(case, caller=caller, checks=checks)
        self.asked += 1
        self.answers[answer.status_code] += 1
        self.answers_by_operation.setdefault(case.operation.label, Counter())[answer.status_code] += 1

    def _show(self, case: Case, body: Mapping[str, Any], *, caller: str) -> Any:
        """Return what is granted to another body: held against the document, but not counted."""
        case.body = dict(body)
        answer = self._answer(case, caller=caller, checks=self.checks)
        assert answer.status_code < 300, f"{case.operation.label} as {caller}: {answer.text}"
        return answer.json()

    def _answer(self, case: Case, *, caller: str, checks: list[Check]) -> Response:
        answer = case.call(base_url=self.base_url, headers=dict(self.callers[caller]))
        try:
            case.validate_response(answer, checks=checks)
        except (Failure, FailureGroup) as problem:
            for one in getattr(problem, "exceptions", (problem,)):
                self.failures[f"{case.operation.label} as {caller}: {_in_short(one)}"] += 1
        return answer


def _spoiled(value: Any, letter: str) -> Any:
    """Return a body with a letter that no column holds in every text of it."""
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
