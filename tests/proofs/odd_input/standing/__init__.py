"""How things have to stand for a question to be granted, noun by noun: brought about anew before each such question.

What earlier questions made of them does not matter then, nor does the order in which they are asked. A noun is a module
here that says which operations it leads, by the names that the document gives them.
"""

from __future__ import annotations

from schemathesis import Case

from accounts.models import User
from tests.proofs.odd_input.interview import Ask
from tests.proofs.odd_input.standing import groups, presents, subscriptions

_LEADS = {**subscriptions.LEADS, **groups.LEADS, **presents.LEADS}


def lead(case: Case, reader: User, ask: Ask) -> None:
    """Make of this subscriber's question one that has to be granted, where that takes more than sound data."""
    if make := _LEADS.get(case.operation.label):
        make(case, reader, ask)
