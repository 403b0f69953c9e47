"""SQLite: a copy is whole and of one moment, and puts back what was."""

from __future__ import annotations

import os
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

ROOT = Path(__file__).resolve().parents[2]


def manage(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{folder / 'live.sqlite3'}"}
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def shell(folder: Path, program: str) -> str:
    done = manage(folder, "shell", "--verbosity", "0", "--command", program)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_backup_puts_back_what_was(tmp_path: Path) -> None:
    make = "from accounts.models import User; User.objects.create_user('{}@example.org')"
    copy = str(tmp_path / "copy.sqlite3")
    assert manage(tmp_path, "migrate", "--verbosity", "0").returncode == 0
    shell(tmp_path, make.format("kept"))
    assert manage(tmp_path, "backup", copy).returncode == 0
    assert Path(copy).stat().st_mode & 0o077 == 0
    assert "never overwritten" in manage(tmp_path, "backup", copy).stderr
    shell(tmp_path, make.format("lost"))
    look = "from accounts.models import User; print(*User.objects.values_list('email', flat=True).order_by('pk'))"
    assert "1 readers" in manage(tmp_path, "restore", copy, "--dry-run").stdout
    assert "lost@example.org" in shell(tmp_path, look)
    assert "Restored" in manage(tmp_path, "restore", copy).stdout
    assert shell(tmp_path, look) == "kept@example.org"


@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and then nothing", b"PGDMP"])
def test_what_is_no_backup_is_refused(content: bytes, tmp_path: Path, settings: Any) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("of SQLite alone")
    odd = tmp_path / "odd"
    odd.write_bytes(content)
    with pytest.raises(CommandError, match="no whole backup"):
        call_command("restore", str(odd), stdout=StringIO())
    with pytest.raises(CommandError, match="no file"):
        call_command("restore", str(tmp_path / "nowhere"), stdout=StringIO())
