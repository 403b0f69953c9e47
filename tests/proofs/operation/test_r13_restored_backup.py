"""The proof that yesterday's backup is enough: what it does not know is fetched from Stripe, by the README's page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.operation import operator_page
from tests.proofs.processes import services
from tests.proofs.processes.services import Postgres
from tests.proofs.processes.stack import ROOT, Stack

EACH = extent(ordinary=1, full=5)  # readers of each fate
PROGRAM = (
    f"import django; django.setup(); from tests.proofs.operation import lost_day; lost_day.main(each={EACH})"
)


def test_r13_what_a_restored_backup_forgot_is_recovered_from_stripe(
    database_url: str, tmp_path: Path, figure: Figure
) -> None:
    stack = Stack(tmp_path, database_url, webhooks=False)
    try:
        stack.start("sandbox")
        stack.prepare()
        found = live_and_recover(stack)
    finally:
        stack.stop()
    figure(
        "R13",
        f"{database_url.partition(':')[0]}: {found['people']} readers, {found['behind']} behind after the backup was "
        f'restored; after the page\'s commands {found["people"] - len(found["different"])} equal, "{found["again"]}"; '
        f"{len(found['buys_twice'])} could buy twice, {found['charged']} charged again; mails of the lost day "
        f"sent again: {found['mails_of_the_day_again']} of {found['mails_of_the_day']}, "
        f"older ones: {found['old_mails_again']}",
        target="all equal, 0 twice, 0 charged, 0 older mails",
    )
    assert found["behind"] > found["people"] / 2  # control: the backup alone is not enough
    assert found["codes"] == [0], found["said"]
    assert not found["different"], found
    assert not found["unfinished"], found["unfinished"]
    equal, _of, every = found["again"].split()[:3]
    assert int(equal) == int(every) > 0, found["again"]
    assert not found["buys_twice"], found["buys_twice"]
    assert found["charged"] == 0
    assert found["old_mails_again"] == 0
    assert found["sent_twice_since"] == 0
    # What was told on the lost day is not known to have been told: it is told again, by the same Message-ID.
    assert 0 < found["mails_of_the_day_again"] <= found["mails_of_the_day"]


def live_and_recover(stack: Stack) -> dict[str, Any]:
    """Let a process live, back it up, let it live on, restore, let it recover; return what it found."""
    environment = {**stack.environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    with (stack.folder / "day.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
        )  # fmt: skip
    try:
        tell(process, "live", stack)
        type_lines(stack, "backup", "pg_dump")
        tell(process, "lose", stack)
        type_lines(stack, "restore", "psql", "pg_restore")
        return tell(process, "recover", stack)
    finally:
        process.kill()
        process.wait()


def tell(process: subprocess.Popen[str], stage: str, stack: Stack) -> dict[str, Any]:
    """Let the process do a stage; return its answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{stage}\n")
    process.stdin.flush()
    line = process.stdout.readline()
    assert line, f"{stage}: {(stack.folder / 'day.log').read_text()[-6000:]}"
    answer: dict[str, Any] = json.loads(line)
    return answer


def type_lines(stack: Stack, ours: str, *theirs: str) -> None:
    """Type, in a shell, the page's lines for this kind of database: a command of `manage.py`, or Postgres' programs."""
    is_sqlite = stack.database_url.startswith("sqlite")
    starts = (f"python3 manage.py {ours} ",) if is_sqlite else tuple(f"{program} " for program in theirs)
    lines = [line for line in operator_page.commands() if line.startswith(starts)]
    assert len(lines) == len(starts), lines
    programs = [str(Path(sys.executable).parent)]
    if not is_sqlite:
        services.require(Postgres.binary("pg_restore"), "pg_restore (apt install postgresql-client)")
        programs.append(str(Path(str(Postgres.binary("pg_restore"))).parent))
    here = stack.folder / "operator"
    here.mkdir(exist_ok=True)
    if not (here / "manage.py").exists():
        (here / "manage.py").symlink_to(ROOT / "manage.py")
    environment = {**stack.environment, "PATH": os.pathsep.join([*programs, os.environ["PATH"]])}
    for line in lines:
        done = subprocess.run(
            ["bash", "-ec", line], cwd=here, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
