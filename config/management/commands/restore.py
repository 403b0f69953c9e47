"""An SQLite database as it was when a backup was taken."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection

_PAGES = 1000


class Command(BaseCommand):
    """Put a copy made by `backup` in the place of the database; everything since is gone from here."""

    help = "Replace the SQLite database by a backup, with all processes stopped. For Postgres use pg_restore."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take from where, and whether to change anything."""
        parser.add_argument("file", type=Path, help="what `backup` wrote")
        parser.add_argument("--dry-run", action="store_true", help="say what it holds and change nothing")

    def handle(self, *args: Any, file: Path, dry_run: bool, **options: Any) -> None:
        """Look whether the backup is whole, then copy it over, page by page in one transaction of SQLite's."""
        if connection.vendor != "sqlite":
            raise CommandError(
                'Use: pg_restore --exit-on-error --no-owner --dbname="$DATABASE_URL" paywall.dump'
            )
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as source:
            self.stdout.write(_contents(source))
            if dry_run:
                self.stdout.write("Nothing was changed.")
                return
            with closing(sqlite3.connect(settings.DATABASES["default"]["NAME"])) as target:
                source.backup(target, pages=_PAGES, progress=self._progress)
        self.stdout.write("Restored. Next: migrate, and then what the README says.")

    def _progress(self, status: int, left: int, total: int) -> None:
        self.stderr.write(f"{total - left} of {total} pages …")


def _contents(source: sqlite3.Connection) -> str:
    """Return what a backup holds.

    :raises CommandError: it is damaged, or no backup of ours.
    """
    try:
        (state,) = source.execute("PRAGMA integrity_check").fetchone()
        (readers,) = source.execute("SELECT count(*) FROM accounts_user").fetchone()
        held, last = source.execute(
            "SELECT (SELECT count(*) FROM billing_subscription), (SELECT max(received_at) FROM billing_stripeevent)"
        ).fetchone()
    except sqlite3.DatabaseError as problem:
        raise CommandError(f"This is no whole backup: {problem}.") from problem
    if state != "ok":
        raise CommandError(f"This backup is damaged: {state}.")
    return f"{readers} readers, {held} subscriptions, the last event of {last}."
