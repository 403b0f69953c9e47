"""A copy of an SQLite database, whole and of one moment, while everything runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection


class Command(BaseCommand):
    """Write the whole database to a new file; readers and writers go on meanwhile."""

    help = "Write a copy of the SQLite database to a file. For Postgres use pg_dump."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take where to."""
        parser.add_argument("file", type=Path, help="a file that does not exist yet")

    def handle(self, *args: Any, file: Path, **options: Any) -> None:
        """Copy, and say how much."""
        if connection.vendor != "sqlite":
            raise CommandError('Use: pg_dump --format=custom --file=paywall.dump "$DATABASE_URL"')
        if file.exists():
            raise CommandError(f"{file} exists; a backup is never overwritten.")
        file.touch(mode=0o600)  # it holds addresses of readers
        with connection.cursor() as cursor:
            cursor.execute("VACUUM INTO %s", [str(file)])
        self.stdout.write(f"{file}: {file.stat().st_size:,} bytes.")
