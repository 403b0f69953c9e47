"""The proof that the scanner for the text of articles finds what it looks for: in every disguise, on every way out."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from tests.proofs.conftest import Figure
from tests.proofs.leaks import leaks, seeds
from tests.proofs.leaks.asking import ask, watching
from tests.proofs.leaks.cast import PUBLISHED, Town
from tests.proofs.leaks.findings import ask_oddly, look_at
from tests.proofs.leaks.variants import PLAIN, VARIANTS


def test_s1_the_scanner_sees_through_every_disguise(figure: Figure) -> None:
    disguises = leaks.disguises(f"He said: {leaks.mark(PUBLISHED, 'quote')}.")
    found = [name for name, data in disguises.items() if leaks.find(data)]
    figure("S1", f"{len(found)} of {len(disguises)} encodings seen through", target="all, at least 12")
    assert found == list(disguises)
    assert len(found) >= 12
    assert not leaks.find("The quagmire has a lantern. aGVsbG8gd29ybGQgaGVsbG8gd29ybGQ=" * 50)


@pytest.mark.django_db
def test_s1_the_scan_finds_every_leak_made_on_purpose(town: Town, settings: Any, figure: Figure) -> None:
    settings.ROOT_URLCONF = "tests.proofs.leaks.seeds"
    stranger = town.caller("stranger")
    named = ("Googlebot by its own word", "forged headers", "stranger who names a reader")
    found: set[str] = set()
    with watching() as watch:
        for name in seeds.NAMES:
            paths = [f"/api/v1/seed/{name}"]
            asked = itertools.chain(
                ask_oddly([stranger], paths, VARIANTS, watch=watch),
                ask_oddly(map(town.caller, named), paths, [PLAIN], watch=watch),
            )
            if any(answer.leaks and any(look_at(caller, answer, how=name)) for caller, _, answer in asked):
                found.add(name)
    figure("S1", f"{len(found)} of {len(seeds.NAMES)} seeded leaks found", target="all, at least 12")
    assert found == set(seeds.NAMES)
    assert len(found) >= 12


@pytest.mark.django_db
def test_s1_the_scan_finds_what_may_be_kept_and_what_an_error_page_shows(town: Town, settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.proofs.leaks.seeds"
    stranger = town.caller("stranger")
    kept = ask(stranger, "GET", "/api/v1/seed-kept")
    assert [finding.what for finding in look_at(stranger, kept, how="")] == [("cache: 'public, max-age=60'",)]
    # A view that fails with a body in its hands is silent; the page of debug mode shows local values.
    for debug in (False, True):
        settings.DEBUG = debug
        with watching() as watch:
            failed = ask(stranger, "GET", "/api/v1/seed-breaks", watch=watch)
        assert failed.status == 500
        assert bool(failed.leaks) is debug
