"""The proof that nobody learns which addresses we know: not from answers, not from the work, not from the clock."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from statistics import median
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts import emails
from accounts.models import Mail, User
from accounts.passwords import CappedScryptPasswordHasher
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL, extent
from tests.proofs.logins.entrances import Entrance, Seen, Work, all_entrances, walk

PAIRS = extent(ordinary=9, full=200)
# A handful of pairs on a busy machine says little; that a password was not hashed they would still say.
TOLERANCE = 0.10 if IS_FULL else 0.60
TIMED = {("pages", "code"), ("app", "code"), ("app", "password"), ("app", "sign-up"), ("app", "reset")}
SECRET = "correct horse battery"

pytestmark = pytest.mark.django_db(transaction=True)


class SixteenTimesCheaperHasher(CappedScryptPasswordHasher):
    """Ours, so cheap that whatever else differs weighs more than in production, and dear enough to be missed."""

    work_factor = 2**10


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = [f"{__name__}.SixteenTimesCheaperHasher"]


def _never_proven(email: str, **fields: Any) -> User:
    reader = a_reader(email, proven=False, **fields)
    EmailAddress.objects.create(user=reader, email=email, primary=True, verified=False)
    return reader


def _with_a_passkey(email: str) -> User:
    reader = a_reader(email)
    Authenticator.objects.create(user=reader, type=Authenticator.Type.WEBAUTHN, data={})
    return reader


def _with_a_second_factor(email: str) -> User:
    reader = a_reader(email, password=SECRET)
    TOTP.activate(reader, generate_totp_secret())
    return reader


CAST: dict[str, Callable[[str], User]] = {
    "with a password": lambda email: a_reader(email, password=SECRET),
    "without one": a_reader,
    "with a second factor": _with_a_second_factor,
    "with a passkey": _with_a_passkey,
    "never proven": _never_proven,
    "never proven, with a password": lambda email: _never_proven(email, password=SECRET),
    "blocked": lambda email: a_reader(email, password=SECRET, is_active=False),
    "blocked, without a password": lambda email: a_reader(email, is_active=False),
    "staff": lambda email: a_member_of_staff(email, password=SECRET),
}


@pytest.fixture
def fresh() -> Iterator[str]:
    """Addresses that tell nothing by themselves."""
    dice = random.Random(9)
    return iter(lambda: f"{''.join(dice.choices('abcdefghijklmnopqrstuvwxyz', k=12))}@example.org", "")


def test_s9_every_answer_is_the_same_whoever_has_the_address(figure: Figure, fresh: Iterator[str]) -> None:
    entrances, told, compared, dearest = all_entrances(), list[str](), 0, Counter[str]()
    for number, entrance in enumerate(entrances):
        unknown, work = walk(entrance, next(fresh))
        for who, make in _some_of(CAST, number):
            make(email := next(fresh))
            known, our_work = walk(entrance, email)
            _a_worker_sends()
            compared += len(known)
            told += [f"{entrance.kind} {entrance.name}, {who}: {one}" for one in _differences(known, unknown)]
            told += [f"{entrance.kind} {entrance.name}, {who}: {one}" for one in _unlike(our_work, work)]
            dearest[f"{entrance.kind} {entrance.name}"] = max(
                dearest[f"{entrance.kind} {entrance.name}"], abs(_reads(our_work) - _reads(work))
            )
    figure(
        "S9",
        f"{len(entrances)} entrances, {compared} answers compared: {len(told)} tell known from unknown; the same "
        f"writes, at most {max(dearest.values())} reads more or less",
        target="0",
    )
    assert not told, "\n".join(told)


def test_s9_what_is_written_is_committed_for_either(fresh: Iterator[str]) -> None:
    """A commit waits for the disk, and a transaction rolled back does not; an execution wrapper sees neither."""
    for entrance in all_entrances():
        walk(entrance, next(fresh), steps=1)
        a_reader(email := next(fresh))
        known, unknown = _ends(entrance, email), _ends(entrance, next(fresh))
        assert known == unknown, f"{entrance.kind} {entrance.name}"


def _ends(entrance: Entrance, email: str) -> Counter[str]:
    """Return how often transactions were committed or rolled back in the first request of a walk."""
    with CaptureQueriesContext(connection) as captured:
        walk(entrance, email, steps=1)
    return Counter(one["sql"] for one in captured if one["sql"] in {"COMMIT", "ROLLBACK"})


def test_s9_the_clock_tells_nothing(figure: Figure, fresh: Iterator[str]) -> None:
    ratios = {}
    for entrance in all_entrances():
        if (entrance.kind, entrance.name) in TIMED:
            ratios[f"{entrance.kind} {entrance.name}"] = _known_to_unknown(entrance, fresh)
    shown = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    figure("S9", f"{PAIRS} pairs each, time for known / unknown: {shown}", target=f"within {TOLERANCE:.0%}")
    assert all(1 / (1 + TOLERANCE) <= ratio <= 1 + TOLERANCE for ratio in ratios.values()), ratios


def test_s9_a_difference_would_be_found(fresh: Iterator[str]) -> None:
    entrance = all_entrances()[0]
    seen, work = walk(entrance, next(fresh), steps=2)
    other, other_work = walk(all_entrances()[2], next(fresh), steps=2)
    assert _differences(seen, other)
    assert _unlike(work, other_work)


def _some_of(
    cast: dict[str, Callable[[str], User]], number: int
) -> Iterator[tuple[str, Callable[[str], User]]]:
    """Everybody in full; else one for each entrance, so that all of them have their turn."""
    everybody = list(cast.items())
    turn = everybody if IS_FULL else [everybody[number % len(everybody)]]
    yield from turn


def _known_to_unknown(entrance: Entrance, fresh: Iterator[str]) -> float:
    """Return how much longer a known address takes, at the median; in turn the one and the other goes first."""
    walk(entrance, next(fresh), steps=1)
    known, unknown = [], []
    for number in range(PAIRS):
        a_reader(email := next(fresh), password=SECRET if number % 2 else None)
        pair = [(email, known), (next(fresh), unknown)]
        for address, times in pair if number % 4 < 2 else reversed(pair):
            times.append(walk(entrance, address, steps=1)[1].seconds)
        _a_worker_sends()
    return median(known) / median(unknown)


def _a_worker_sends() -> None:
    """Send what waits, as the worker does; otherwise the next request would."""
    now = datetime.now().astimezone() + timedelta(seconds=1)
    for mail in emails.due_ids(now=now, limit=100):
        emails.deliver(mail, now=now)
    assert not Mail.objects.exclude(state=Mail.State.SENT).exists()


def _differences(ours: list[Seen], theirs: list[Seen]) -> Iterator[str]:
    """Name what in two walks is not the same."""
    for one, other in zip(ours, theirs, strict=True):
        for part in ("status", "headers", "cookies", "body"):
            if getattr(one, part) != getattr(other, part):
                yield f"{one.step}: {part} {getattr(one, part)!r} != {getattr(other, part)!r}"


def _unlike(known: Work, unknown: Work) -> Iterator[str]:
    """Name writes that only one of two requests made, and reads if there are not about as many."""
    for kind in known.statements | unknown.statements:
        more = known.statements[kind] - unknown.statements[kind]
        # Expired rows of the cache are removed by whoever comes across them.
        if kind.startswith(("INSERT", "UPDATE", "DELETE")) and kind != "DELETE cache" and more:
            yield f"{more:+} {kind}"
    if abs(_reads(known) - _reads(unknown)) > 0.1 * unknown.statements.total():
        yield f"{_reads(known)} reads instead of {_reads(unknown)}"


def _reads(work: Work) -> int:
    return sum(times for kind, times in work.statements.items() if kind.startswith("SELECT"))
