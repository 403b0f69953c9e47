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
from tests.proofs.kills import scenes
from tests.proofs.processes.services import Postgres
from tests.proofs.processes.stack import ROOT, Stack

ROUNDS = extent(ordinary=1, full=25)  # on either database
# Each shard has a process that forks, a database and a Stripe of its own, which would grow slow in too many rounds.
SHARDS, AT_ONCE = extent(ordinary=1, full=5), 2


def test_r2_every_kill_leaves_nothing_lost_and_nothing_done_twice(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, figure: Figure
) -> None:
    seed = random.randrange(10**6)
    urls = [database_url, *(another(request, database_url, number) for number in range(1, SHARDS))]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        shards = [
            pool.submit(run, Stack(tmp_path / str(number), url, webhooks=False), number=number, seed=seed)
            for number, url in enumerate(urls)
        ]
        found = [shard.result() for shard in shards]
    deaths, lost, doubled, not_killed = Counter[str](), [], [], []
    for figures in found:
        deaths.update(figures["points"])
        lost += figures["lost"]
        doubled += figures["doubled"]
        not_killed += figures["not_killed"]
    often, rarely = scenes.of_each_round() & deaths.keys(), -(-ROUNDS // scenes.ROUNDS_APART)
    repeated = sum(figures["repeated_mails"] for figures in found)
    figure(
        "R2",
        f"{database_url.partition(':')[0]}: {sum(figures['kills'] for figures in found)} x kill -9 over {len(deaths)} "
        f"points, {len(often)} of them >= {min((deaths[name] for name in often), default=0)} times, the others >= "
        f"{min(deaths.values(), default=0)}: {len(lost)} lost, {len(doubled)} doubled, "
        f"{repeated} mails sent twice (at {deaths['mail: sent but not marked']} x sent but not marked), "
        f"{sum(figures['acknowledged'] for figures in found)} acknowledged events, "
        f"{sum(figures['seconds'] for figures in found):.0f} s in {SHARDS} shards",
        target=f"0 lost, 0 doubled, >= {scenes.POINTS} points x {ROUNDS}, >= {scenes.STORIES} more x {rarely}",
    )
    assert not not_killed, not_killed
    assert not lost, f"seed {seed}\n" + "\n".join(lost)
    assert not doubled, f"seed {seed}\n" + "\n".join(doubled)
    assert len(often) >= scenes.POINTS
    assert len(deaths) >= len(often) + scenes.STORIES
    assert min(deaths[name] for name in often) >= ROUNDS
    assert min(deaths.values()) >= rarely
    # Where sent cannot be told from not sent, a mail goes out again; if it did not, another might never.
    assert repeated == deaths["mail: sent but not marked"]
    # Control: without the help that comes after the kills, most of these readers would not be well.
    assert all(figures["undone"] > len(deaths) / 2 for figures in found), found


def another(request: pytest.FixtureRequest, database_url: str, number: int) -> str:
    """Return another empty database of the same kind."""
    if database_url.startswith("sqlite"):
        return f"{database_url}.{number}"
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


def run(stack: Stack, *, number: int, seed: int) -> dict[str, Any]:
    """Let a process that forks and judges do the rounds of one shard; return its figures."""
    rounds = ROUNDS // SHARDS
    what = f"kill_run.main(first={number * rounds}, {rounds=}, {seed=})"
    program = f"import django; django.setup(); from tests.proofs.kills import kill_run; {what}"
    stack.folder.mkdir()
    try:
        stack.start("sandbox")
        stack.prepare()
        done = subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT, env={**stack.environment, "DJANGO_SETTINGS_MODULE": "config.settings"},
            capture_output=True, text=True, timeout=3600, check=False,
        )  # fmt: skip
    finally:
        stack.stop()
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-8000:]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures
