"""The README's page for operators: the commands that it tells one to type, and the log lines that it explains."""

from __future__ import annotations

import re
import shlex
from io import StringIO
from pathlib import Path

from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[3]
HEADING = "When something is wrong"
_MANAGE = "python3 manage.py "


def text() -> str:
    """Return the section."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return re.split(r"^## ", readme.split(f"## {HEADING}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def commands() -> list[str]:
    """Return every command line of the section, in its order, without what is said of it."""
    blocks = re.findall(r"^```sh\n(.*?)^```", text(), flags=re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [re.sub(r"\s{2,}#.*", "", line).strip() for line in lines if line.strip()]


def log_lines() -> list[str]:
    """Return the log lines that it explains; `…` stands for whatever is filled in."""
    table = text().split("| Line in the log |", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `([^`]+)`", table, flags=re.M)


def mentioned() -> set[str]:
    """Return the commands that it names in passing."""
    return set(re.findall(r"`((?:manage\.py )?[a-z]+_[a-z]+|reconcile)(?: [^`]*)?`", text()))


def typed(line: str) -> tuple[str, int]:
    """Run a line of `manage.py` in this process; return what it printed, errors included, and its exit code."""
    assert line.startswith(_MANAGE), line
    said = StringIO()
    try:
        call_command(*shlex.split(line.removeprefix(_MANAGE)), stdout=said, stderr=said)
    except CommandError as error:
        return f"{said.getvalue()}{error}", error.returncode
    except SystemExit as end:
        return said.getvalue(), int(end.code or 0)
    return said.getvalue(), 0
