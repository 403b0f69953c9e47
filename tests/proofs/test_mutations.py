"""The guards that `manage.py test mutations` switches off are still where it looks for them."""

from __future__ import annotations

import ast
import re

import pytest

from tests.proofs.guards.mutation import Mutation
from tests.proofs.mutations import MUTATIONS, ROOT, without


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.guard)
def test_mutations_find_their_guard(mutation: Mutation) -> None:
    source = (ROOT / mutation.file).read_text(encoding="utf-8")
    changed = without(mutation, source)
    assert changed != source
    if mutation.file.endswith(".py"):
        ast.parse(changed)


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda one: one.guard)
def test_mutations_name_a_proof(mutation: Mutation) -> None:
    proof = (ROOT / "tests" / "proofs" / mutation.proof).read_text(encoding="utf-8")
    tests = re.findall(r"^\s*(?:def (test_\w+)|class (Test\w+))", proof, flags=re.M)
    assert all(any(word in "".join(name) for name in tests) for word in mutation.only.split(" or "))
