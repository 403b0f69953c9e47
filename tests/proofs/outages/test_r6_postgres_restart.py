"""The proof that a Postgres that crashes and comes back costs a reader a moment, and never a wrong answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path

import requests

from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.outages.sender import Sender
from tests.proofs.outages.traffic import Answer, Call, Traffic, tally
from tests.proofs.outages.visits import READY, Visits, Web
from tests.proofs.processes.installation import Installation
from tests.proofs.processes.services import free_port
from tests.proofs.processes.stack import Stack

RESTARTS = extent(ordinary=1, full=12)
SECONDS_TO_RECOVER = 2.0
# What Redis keeps the answer of.
KEPT = ("payer looks", "payer's proxy", "stranger's proxy")
RIGHT = "right"
QUIET, AFTERWARDS = extent(ordinary=60, full=300), extent(ordinary=30, full=100)


def test_r6_a_postgres_restart_is_never_a_wrong_decision(
    installation: Installation, tmp_path: Path, figure: Figure
) -> None:
    with _in_production(installation, tmp_path) as web:
        traffic = Traffic(_calls(Visits(web, installation)))
        with traffic.flowing():
            traffic.wait_for(QUIET, phase="quiet")
            assert tally(traffic.answers) == {}, tally(traffic.answers)
            late = [answer for _ in range(RESTARTS) for answer in _restart(installation, traffic)]
        told = _told_without_postgres(installation, traffic.calls)
    judged = [answer for answer in traffic.answers if answer.call != READY]
    unavailable = [answer for answer in judged if answer.status == HTTPStatus.SERVICE_UNAVAILABLE]
    mute = [answer for answer in unavailable if not answer.retry_after]
    wrong = [answer for answer in judged if answer.wrong and answer not in unavailable]
    figure(
        "R6",
        f"{RESTARTS} immediate restarts of Postgres under {len(judged)} calls of {len(traffic.calls)} kinds: "
        f"{len(unavailable)} x 503 ({len(mute)} without Retry-After), {len(wrong)} other errors or wrong answers "
        f"{tally(wrong)}, {len(late)} later than {SECONDS_TO_RECOVER:.0f} s, "
        f"slowest {max(answer.seconds for answer in judged):.1f} s",
        target="0 wrong, only 503 with Retry-After, 0 late",
    )
    assert unavailable, "no call met a restart"
    assert tally(wrong) == {}
    assert tally(mute) == {}
    assert tally(late) == {}
    assert told.pop("live") == told.pop("page /account/login/") == "200"  # neither needs the database
    assert told.pop(READY) == "503, database unreachable"
    # What Redis keeps of who may read stays right for a minute; everything else says that it has to wait.
    assert {told.pop(name) for name in KEPT} <= {RIGHT, "503, try again"}, told
    assert set(told.values()) == {"503, try again"}, told


@contextmanager
def _in_production(installation: Installation, folder: Path) -> Iterator[Web]:
    """Serve with the settings of production, beside the others: a page of DEBUG is not what readers see."""
    there = installation.stack
    port = free_port()
    production = {
        "DEBUG": "0",
        "CLOCK_FILE": "",
        "STRIPE_API_BASE": "",
        "ALLOWED_HOSTS": "127.0.0.1",
        "EMAIL_URL": "smtp://127.0.0.1:1",
    }
    stack = Stack(
        folder=folder, database_url=there.database_url, redis_url=there.redis_url, service_port=port,
        extra={**there.extra, **production, "SITE_URL": f"https://127.0.0.1:{port}"},
    )  # fmt: skip
    try:
        (folder / "var").mkdir(mode=0o700, exist_ok=True)
        stack.manage("collectstatic", "--no-input", "--verbosity", "0", "--ignore", "drf_spectacular_sidecar")
        stack.start("web")
        yield Web(stack.service, secure=True)
    finally:
        stack.stop()


def _calls(visits: Visits) -> list[Call]:
    """Return calls by every way in which the database decides what somebody gets."""
    return [
        visits.payer_opens(every=0.05),
        visits.stranger_opens(every=0.1),
        visits.guest_opens(every=0.2),
        visits.forger_opens(every=0.2),
        visits.payer_in_browser_looks(every=0.2),
        visits.payer_sees_front_page(every=0.2),
        visits.payer_passes_proxy(every=0.2),
        visits.stranger_is_stopped_by_proxy(every=0.2),
        visits.payer_is_known(every=0.2),
        visits.stripe_tells(Sender(f"{visits.web.address}/stripe/webhook/"), every=0.1),
        visits.reader_signs_in(every=3.0),
        visits.reader_signs_in(every=3.0, password="not the password"),
        visits.reader_asks_for_code(every=1.0),
        visits.reader_posts_login_form(every=3.0),
        visits.reader_sees_page("/account/login/", every=0.3),
        visits.reader_sees_page("/account/sessions/", who="payer cookie", every=0.3),
        visits.reader_sees_page("/account/", who="payer cookie", every=0.3),
        visits.reader_sees_page("/admin/", who="staff cookie", every=0.5),
        visits.process_lives(every=0.3),
        visits.process_is_ready(every=0.5),
    ]


def _restart(installation: Installation, traffic: Traffic) -> list[Answer]:
    """Crash Postgres, start it at once, and return what failed although it was back for long enough."""
    traffic.phase = "restart"
    installation.postgres.stop()
    installation.postgres.start()
    on_time = time.monotonic() + SECONDS_TO_RECOVER
    while time.monotonic() < on_time:
        traffic.wait_for(1, phase="back")
    traffic.wait_for(AFTERWARDS, phase="settled")
    return [answer for answer in traffic.answers if answer.wrong and answer.began >= on_time]


def _told_without_postgres(installation: Installation, calls: Sequence[Call]) -> dict[str, str]:
    """Return what every kind of call is told while Postgres is away."""
    installation.postgres.stop()
    try:
        return {call.name: _told(call) for call in calls}
    finally:
        installation.postgres.start()


def _told(call: Call) -> str:
    with requests.Session() as session:
        answer = call.ask(session)
    kind = answer.headers.get("Content-Type", "")
    if kind == "application/json" and "database" in answer.json():
        return f"{answer.status_code}, database {answer.json()['database']}"
    if call.name in KEPT and not call.judge(answer):
        return RIGHT
    says_so = "try again" in answer.text or kind == "application/problem+json"
    comes_back = ", try again" if "Retry-After" in answer.headers and says_so else ""
    return f"{answer.status_code}{comes_back}"
