"""The proof that the text of an article reaches nobody who may not read it, on any way, in any disguise.

One scanner is used throughout: first it is shown leaks made on purpose and has to find each, then it is let loose on
the service.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from tests.architecture.routes import all_routes
from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL
from tests.proofs.leaks import cast
from tests.proofs.leaks.asking import watching
from tests.proofs.leaks.cast import ARTICLES, PUBLISHED, Caller, Town
from tests.proofs.leaks.findings import READ, ask_oddly, look_at
from tests.proofs.leaks.sweep import sweep
from tests.proofs.leaks.variants import PLAIN, VARIANTS, Variant

pytestmark = pytest.mark.django_db


def test_s1_no_route_gives_a_body_to_anybody_who_may_not_read_it(town: Town, figure: Figure) -> None:
    answers, found, doors = 0, [], set()
    for swept in sweep(town):
        answers += 1
        caller = town.caller(swept.caller)
        found += look_at(caller, swept.answer, how=swept.route.name)
        if caller.may_read and swept.answer.leaks:
            doors.add((caller.name, swept.answer.method, swept.answer.path, *swept.answer.leaks))
    routes = len(all_routes(samples=cast.samples()))
    figure(
        "S1",
        f"{routes} routes x {len(town.callers)} callers, {answers} answers: {len(found)} leaks or answers to be "
        f"kept; {len(doors)} of {sum(caller.may_read for caller in town.callers.values())} who may read found it once",
        target="0; all",
    )
    assert found == []
    # Whoever may read finds the text in one place only, which shows that there was something to find.
    assert {door[0] for door in doors} == {name for name, caller in town.callers.items() if caller.may_read}
    assert {door[1:3] for door in doors} == {("POST", READ)}
    assert all(len(door) == 4 and door[3].startswith("content: plain") for door in doors)


def test_s1_no_odd_way_of_asking_helps(town: Town, figure: Figure) -> None:
    answers, found = 0, []
    with watching() as watch:
        for callers, paths, variants in _odd_questions(town):
            for caller, variant, answer in ask_oddly(callers, paths, variants, watch=watch):
                answers += 1
                found += look_at(caller, answer, how=variant.name)
    figure(
        "S1",
        f"{len(VARIANTS)} odd ways of asking for {len(ARTICLES)} articles, {answers} answers: {len(found)} leaks",
        target="0",
    )
    assert found == []


def _odd_questions(town: Town) -> Iterator[tuple[list[Caller], list[str], list[Variant]]]:
    """Yield who asks for which addresses in which ways: all of them in full, else each in turn for each."""
    outsiders = [caller for caller in town.callers.values() if not caller.may_read]
    stranger = town.caller("stranger")
    if IS_FULL:
        yield [*outsiders, town.caller("editor")], _doors(PUBLISHED, "embargoed"), list(VARIANTS)
        yield [stranger], _doors("tomorrow", "withdrawn"), list(VARIANTS)
        return
    yield [stranger], [READ, READ.removesuffix("/read")], list(VARIANTS)
    ways = itertools.cycle(VARIANTS)
    for caller, path in itertools.product(outsiders, _doors(*ARTICLES)):
        yield [caller], [path], [next(way for way in ways if way is not PLAIN)]


def _doors(*articles: str) -> list[str]:
    """Return the addresses that know one of these articles, and those that know them all."""
    found = []
    for route in all_routes(samples=cast.samples()):
        if "<article_id>" in route.pattern or route.path.startswith("/admin/paywall/article/"):
            found += [route.path.replace(PUBLISHED, article) for article in articles]
        elif route.path in {"/api/v1/articles", "/api/v1/access", "/api/v1/access/check", "/api/v1/schema/"}:
            found.append(route.path)
    return list(dict.fromkeys(found))
