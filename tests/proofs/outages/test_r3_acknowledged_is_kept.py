"""The proof that what Stripe was told 200 for is in the inbox, whatever crashes right after."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import cycle, islice

from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.outages.sender import Sender, news_of
from tests.proofs.processes.installation import A_LEASE, Installation
from tests.proofs.processes.services import wait_until

EVENTS = extent(ordinary=200, full=5000)
CRASHES = int(os.environ.get("CRASHES") or extent(ordinary=1, full=8))


def test_r3_every_event_acknowledged_outlives_web_and_postgres(
    installation: Installation, figure: Figure
) -> None:
    sender = Sender(f"{installation.stack.service}/stripe/webhook/")
    events = [news_of(customer) for customer in islice(cycle(installation.customers), EVENTS)]
    with sender.sending(events):
        for share in _shares():
            wait_until(
                lambda share=share: len(sender.acknowledged) >= share, what=f"{share} events", seconds=120
            )
            _crash(installation)
    installation.advance(A_LEASE)
    installation.wait_for_work(seconds=60)
    kept = dict(installation.rows("select event_id, state from billing_stripeevent"))
    lost = [event for event in sender.acknowledged if event not in kept]
    undone = [event for event in sender.acknowledged if kept.get(event) != "done"]
    figure(
        "R3",
        f"{len(sender.acknowledged)} events acknowledged through {CRASHES} x (kill -9 of web, immediate restart of "
        f"Postgres), {dict(sender.failed)} sent again: {len(lost)} lost, {len(undone) - len(lost)} not done",
        target="0 lost, all done",
    )
    assert sender.failed.total() > 0, "no post met a crash"
    assert lost == []
    assert undone == []


def _shares() -> Iterator[int]:
    """Say after how many events it crashes: spread over the run, never when all is over."""
    return (EVENTS * number // (CRASHES + 1) for number in range(1, CRASHES + 1))


def _crash(installation: Installation) -> None:
    installation.stack.kill("web")
    installation.postgres.stop()
    installation.postgres.start()
    installation.stack.start("web")
