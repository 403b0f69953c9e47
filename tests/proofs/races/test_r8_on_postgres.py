"""The proofs of R8 once more, on Postgres: rows and locks are another matter there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL
from tests.proofs.processes.elsewhere import on_postgres
from tests.proofs.processes.services import Postgres

_HERE = Path(__file__)


@pytest.mark.skipif(not IS_FULL, reason="the gate runs the ordinary proofs on either database")
def test_r8_holds_on_postgres_too(postgres: Postgres, figure: Figure) -> None:
    others = sorted(str(file) for file in _HERE.parent.glob("test_r8_*.py") if file != _HERE)
    on_postgres(postgres, *others, seconds=900, figure=figure)
