"""SQLite: a copy is whole and of one moment. That it puts back what was is proven in `tests/proofs`."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from tests.factories.accounts import a_reader

pytestmark = pytest.mark.django_db(transaction=True)
IS_SQLITE = connection.vendor == "sqlite"
of_sqlite = pytest.mark.skipif(not IS_SQLITE, reason="of SQLite alone")


def call(*words: str) -> str:
    out = StringIO()
    call_command(*words, stdout=out)
    return out.getvalue()


@of_sqlite
def test_a_backup_is_for_nobody_else_and_says_what_it_holds(tmp_path: Path) -> None:
    a_reader()
    copy = tmp_path / "copy"
    assert "bytes" in call("backup", str(copy))
    assert copy.stat().st_mode & 0o077 == 0
    a_reader()
    said = call("restore", str(copy), "--dry-run")
    assert said.startswith("1 readers, 0 subscriptions")
    assert "Nothing was changed." in said


@of_sqlite
def test_a_backup_is_never_overwritten(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.write_text("something dear")
    with pytest.raises(CommandError, match="never overwritten"):
        call("backup", str(copy))
    assert copy.read_text() == "something dear"


@of_sqlite
@pytest.mark.parametrize("content", [b"", b"SQLite format 3\0 and then nothing", b"PGDMP"])
def test_what_is_no_backup_is_refused(content: bytes, tmp_path: Path) -> None:
    odd = tmp_path / "odd"
    odd.write_bytes(content)
    with pytest.raises(CommandError, match="no whole backup"):
        call("restore", str(odd))
    with pytest.raises(CommandError, match="no file"):
        call("restore", str(tmp_path / "nowhere"))


@pytest.mark.skipif(IS_SQLITE, reason="of Postgres alone")
@pytest.mark.parametrize(("command", "program"), [("backup", "pg_dump"), ("restore", "pg_restore")])
def test_on_postgres_it_names_the_program_to_use(command: str, program: str, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=f"Use: {program}"):
        call(command, str(tmp_path / "copy"))
