"""The OpenAPI document is generated without a warning and equals the one that was reviewed."""

from __future__ import annotations

import io
from pathlib import Path

from django.core.management import call_command

REVIEWED = Path(__file__).parent / "openapi.yaml"


def test_the_schema_is_the_reviewed_one() -> None:
    """After an intended change: `manage.py spectacular --file tests/architecture/openapi.yaml`, and read the diff."""
    output = io.StringIO()
    call_command("spectacular", "--validate", "--fail-on-warn", stdout=output)
    assert output.getvalue().strip() == REVIEWED.read_text(encoding="utf-8").strip()
