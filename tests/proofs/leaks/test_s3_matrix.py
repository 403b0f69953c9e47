"""The proof that every route gives everybody what is written down for them, and nobody more.

The table is `matrix.py`. A new route without a row fails, and so does a row without a route.
"""

from __future__ import annotations

from collections import Counter

import pytest

from tests.architecture.routes import METHODS, Route, all_routes
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.leaks import cast, matrix
from tests.proofs.leaks.asking import Answer, ask
from tests.proofs.leaks.cast import Town
from tests.proofs.leaks.sweep import sweep

pytestmark = pytest.mark.django_db

_UNSAFE = ("POST", "PUT", "PATCH", "DELETE")[: extent(ordinary=1, full=4)]


def letter_of(answer: Answer) -> str:
    """Return what an answer came to, in the letters of the matrix; "!" for a failure of ours."""
    place = answer.location.split("?")[0]
    if 300 <= answer.status < 400 and place.endswith("/login/"):
        return "s"
    if 300 <= answer.status < 400 and "reauthenticate" in place:
        return "r"
    if answer.status >= 500:
        return "!"
    return {401: "s", 410: "s", 403: "n", 404: "0", 405: "-"}.get(answer.status, "y")


def test_s3_every_route_has_a_row_and_every_row_a_route(town: Town, figure: Figure) -> None:
    routes, rows = {route.name for route in all_routes(samples=cast.samples())}, matrix.rows()
    letters = {letter for row in rows for caller in town.callers for letter in matrix.expected(row, caller)}
    figure(
        "S3",
        f"{len(routes)} routes, {len(rows)} rows; {len(rows) * len(town.callers) * len(METHODS)} expectations written",
        target="a row each",
    )
    assert routes - set(rows) == set()
    assert set(rows) - routes == set()
    assert letters == set("ysrn0-")
    assert all(len(matrix.expected(row, caller)) == len(METHODS) for row in rows for caller in town.callers)


def test_s3_everybody_gets_what_is_written_down(town: Town, figure: Figure) -> None:
    wrong, counts, asked = [], Counter[str](), set()
    for swept in sweep(town):
        got = letter_of(swept.answer)
        counts[got] += 1
        asked.add(swept.route.name)
        written = matrix.expected(swept.route.name, swept.caller)[METHODS.index(swept.answer.method)]
        if got != written:
            wrong.append((swept.route.name, swept.caller, swept.answer.method, swept.answer.status, written))
    figure(
        "S3",
        f"{len(asked)} routes x {len(town.callers)} callers, {counts.total()} answers "
        f"({', '.join(f'{count} {letter}' for letter, count in sorted(counts.items()))}): {len(wrong)} not as written",
        target="0",
    )
    assert wrong == []
    assert asked == set(matrix.rows())


def test_s3_no_form_of_another_site_is_taken(town: Town, figure: Figure) -> None:
    """Whatever changes something needs the CSRF token of a browser, whether somebody is signed in there or not."""
    taken, asked = [], 0
    routes = all_routes(samples=cast.samples())
    for name in ("stranger", "subscriber", "superuser"):
        for route in routes:
            for method in _UNSAFE:
                answer = ask(town.caller(name), method, route.path, checks_csrf=True)
                asked += 1
                if letter_of(answer) in "y!" and not _may_be_taken(route, name):
                    taken.append((name, method, route.path, answer.status))
    figure("S3", f"{asked} writes without a CSRF token: {len(taken)} taken", target="0")
    assert taken == []


def _may_be_taken(route: Route, caller: str) -> bool:
    nobody = caller == "stranger" and route.name in matrix.WITHOUT_CSRF_OR_SESSION
    return nobody or route.name.startswith(matrix.WITHOUT_CSRF)
