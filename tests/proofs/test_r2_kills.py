"""The proof that nothing is lost or done twice where processes are killed, at whatever point of their work."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.services import Postgres
from tests.proofs.stack import ROOT, Stack

ROUNDS = extent(ordinary=1, full=50)
SHARDS = extent(ordinary=1, full=2)  # processes that fork, each with a database and a Stripe of its own


def test_r2_every_kill_leaves_nothing_lost_and_nothing_done_twice(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, figure: Figure
) -> None:
    seed = random.randrange(10**6)
    urls = [database_url, *(another(request, database_url) for _shard in range(1, SHARDS))]
    with ThreadPoolExecutor(SHARDS) as pool:
        shards = [
            pool.submit(run, Stack(tmp_path / str(number), url, webhooks=False), seed=seed + number * ROUNDS)
            for number, url in enumerate(urls)
        ]
        found = [shard.result() for shard in shards]
    deaths, lost, doubled, not_killed = Counter[str](), [], [], []
    for figures in found:
        deaths.update(figures["points"])
        lost += figures["lost"]
        doubled += figures["doubled"]
        not_killed += figures["not_killed"]
    repeated = sum(figures["repeated_mails"] for figures in found)
    figure(
        "R2",
        f"{database_url.partition(':')[0]}: {sum(figures['kills'] for figures in found)} x kill -9 over {len(deaths)} "
        f"points, each >= {min(deaths.values(), default=0)} times: {len(lost)} lost, {len(doubled)} doubled, "
        f"{repeated} mails sent twice (at {deaths['mail: sent but not marked']} x sent but not marked), "
        f"{sum(figures['acknowledged'] for figures in found)} acknowledged events, "
        f"{max(figures['seconds'] for figures in found):.0f} s",
        target=f"0 lost, 0 doubled, >= 20 points x {ROUNDS}",
    )
    assert not not_killed, not_killed
    assert not lost, f"seed {seed}\n" + "\n".join(lost)
    assert not doubled, f"seed {seed}\n" + "\n".join(doubled)
    assert len(deaths) >= 20
    assert min(deaths.values()) >= ROUNDS
    # Where sent cannot be told from not sent, a mail goes out again; if it did not, another might never.
    assert repeated == deaths["mail: sent but not marked"]
    # Control: without the help that comes after the kills, most of these readers would not be well.
    assert all(figures["undone"] > len(deaths) / 2 for figures in found), found


def another(request: pytest.FixtureRequest, database_url: str) -> str:
    """Return a second empty database of the same kind."""
    if database_url.startswith("sqlite"):
        return f"{database_url}.second"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


def run(stack: Stack, *, seed: int) -> dict[str, Any]:
    """Let a process that forks and judges do its rounds; return its figures."""
    rounds = ROUNDS // SHARDS
    program = (
        f"import django; django.setup(); from tests.proofs import kill_run; kill_run.main({rounds=}, {seed=})"
    )
    stack.folder.mkdir()
    try:
        stack.start("sandbox")
        stack.prepare()
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT, env={**stack.environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
            capture_output=True, text=True, timeout=1800, check=False,
        )  # fmt: skip
    finally:
        stack.stop()
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-8000:]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
