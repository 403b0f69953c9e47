"""The verifier answers what the vectors say, needs nothing of this project, and the vectors are what makes them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from paywall import verifier
from tests.paywall.vectors import make

VECTORS: dict[str, Any] = json.loads(make.FILE.read_text(encoding="ascii"))
CASES = VECTORS["cases"]


def outcome(case: dict[str, Any]) -> str:
    """Return what the verifier makes of a case, in the word of the vectors."""
    base = VECTORS["trust"]
    try:
        keys = verifier.keys_of(case.get("jwks", base["jwks"]))
    except ValueError:
        keys = {}
    trust = verifier.Trust(
        issuer=base["issuer"], audience=base["audience"], keys=keys, epochs=case.get("epochs", base["epochs"])
    )
    try:
        told = verifier.verify(case["token"], trust=trust, now=case.get("now", VECTORS["now"]))
    except verifier.Refused as refused:
        return refused.flaw
    return "opens" if told.opens(case["products"]) else "closed"


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_it_answers_what_the_vectors_say(case: dict[str, Any]) -> None:
    assert outcome(case) == case["expect"]


def test_the_vectors_are_what_makes_them() -> None:
    """After an intended change: `python -m tests.paywall.vectors.make`."""
    assert make.FILE.read_text(encoding="ascii") == make.text()


def test_every_flaw_and_both_answers_have_a_case() -> None:
    assert {case["expect"] for case in CASES} == {*verifier.Flaw, "opens", "closed"}
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    "document", [None, [], {}, {"keys": None}, {"keys": {}}, {"keys": [{}] * 17}, "keys", 7]
)
def test_what_is_no_set_of_keys_is_refused(document: Any) -> None:
    with pytest.raises(ValueError):
        verifier.keys_of(document)


def test_endless_nesting_is_only_malformed() -> None:
    nested = make.encoded("[" * 3000)
    assert outcome({"token": f"{nested}.e30.AA", "products": ["premium"]}) == "malformed"


def test_it_runs_beside_nothing_of_ours(tmp_path: Path) -> None:
    (tmp_path / "verifier.py").write_text(
        Path(verifier.__file__).read_text(encoding="utf-8"), encoding="utf-8"
    )
    program = (
        "import sys, verifier; print(sorted({'django', 'rest_framework', 'paywall'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
