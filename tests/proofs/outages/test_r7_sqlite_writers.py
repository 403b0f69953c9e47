"""The proof that writers of the embedded database are never told that it is locked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.processes.stack import ROOT, Stack

WRITERS, TRANSACTIONS = 8, extent(ordinary=50, full=200)
PROGRAM = f"""
import django
django.setup()
from tests.proofs.outages import writers
writers.main(writers={WRITERS}, transactions={TRANSACTIONS})
"""


def test_r7_no_writer_of_the_embedded_database_is_refused(tmp_path: Path, figure: Figure) -> None:
    stack = Stack(tmp_path, f"sqlite:///{tmp_path / 'writers.sqlite3'}")
    environment = {**stack.environment, "DJANGO_SETTINGS_MODULE": "config.settings"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    every = WRITERS * TRANSACTIONS
    figure(
        "R7",
        f"{WRITERS} processes x {TRANSACTIONS} transactions that read and then write: {found['refused']} of {every} "
        f'told "database is locked", {every / found["seconds"]:.0f} a second; {found["pragmas"]}; control without '
        f"IMMEDIATE: {found['control_refused']} of {every}",
        target="0 locked, and some in the control",
    )
    assert found["pragmas"] == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert found["reader_holds_lock"]
    assert (found["refused"], found["count"]) == (0, every)
    # Control: the same writers without the one setting that keeps them apart.
    assert found["control_refused"] > 0
    assert found["control_count"] == every - found["control_refused"]
