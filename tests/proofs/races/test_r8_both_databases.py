"""The proofs of R8 once more, on the database that the run itself does not use."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL
from tests.proofs.processes.services import Postgres
from tests.proofs.processes.stack import ROOT

_HERE = Path(__file__)


@pytest.mark.skipif(not IS_FULL, reason="the gate runs the ordinary proofs on either database")
def test_r8_holds_on_the_other_database_too(
    request: pytest.FixtureRequest, tmp_path: Path, figure: Figure
) -> None:
    is_postgres = os.environ.get("DATABASE_URL", "").startswith("postgres")
    if is_postgres:
        url = f"sqlite:///{tmp_path / 'proof.sqlite3'}"
    else:
        server: Postgres = request.getfixturevalue("postgres")
        url = server.new_database()
    others = sorted(str(file) for file in _HERE.parent.glob("test_r8_*.py") if file != _HERE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *others],
        cwd=ROOT, env={**os.environ, "DATABASE_URL": url}, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    lines = [line.strip() for line in done.stdout.splitlines() if line.startswith("R8 ")]
    for line in lines:
        figure("R8", line.removeprefix("R8").strip(), target="as above, on the other database")
    assert done.returncode == 0, done.stdout[-5000:]
    assert len(lines) >= len(others)
    assert not any(("sqlite:" if not is_postgres else "postgresql:") in line for line in lines), lines
