"""The same proof once more, in a pytest of its own on Postgres: for what is asked in process, on whatever database."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from django.db import connection

from tests.proofs.conftest import Figure
from tests.proofs.processes.services import Postgres
from tests.proofs.processes.stack import ROOT


def on_postgres(
    postgres: Postgres, *files: str, chosen: str = "", seconds: float | None = None, figure: Figure
) -> None:
    """Run the chosen tests of these files in full on Postgres and repeat their figures; skip where this run is there.

    :raises AssertionError: one of them failed, and its output is told, or a file had nothing to say.
    :raises TimeoutExpired: they took more than so many seconds.
    """
    if connection.vendor == "postgresql":
        pytest.skip("this run is on Postgres")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *files]
    environment = {**os.environ, "DATABASE_URL": postgres.new_database(), "PROOFS": "full"}
    done = subprocess.run(
        [*command, "-k", chosen] if chosen else command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    told = [line for line in done.stdout.splitlines() if " (target: " in line and line[:1] in "RS"]
    for line in told:
        name, _, rest = line.partition(" ")
        measured, _, target = rest.strip().rpartition(" (target: ")
        figure(name, measured, target=target.rpartition(")")[0])
    assert done.returncode == 0, done.stdout[-5000:]
    assert len(told) >= len(files)
