"""A process whose children all write one row of an embedded database, reading it first. Prints its figures."""

from __future__ import annotations

import json
import multiprocessing
import sqlite3
import time
from multiprocessing.context import ForkContext
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier

from django.db import OperationalError, connection, transaction
from django.utils import timezone

from billing.models import Cursor

_FORK: ForkContext = multiprocessing.get_context("fork")


def main(*, writers: int, transactions: int) -> None:
    """Write with our settings, then, as the control, as they would be without IMMEDIATE; print all as JSON."""
    with connection.schema_editor() as editor:
        editor.create_model(Cursor)
    pragmas = {name: _pragma(name) for name in ("journal_mode", "synchronous", "foreign_keys")}
    reader_holds_lock = _reader_holds_lock()
    began = time.monotonic()
    refused, count = _race(writers, transactions)
    seconds = time.monotonic() - began
    connection.settings_dict["OPTIONS"].pop("transaction_mode", None)
    control_refused, control_count = _race(writers, transactions)
    figures = {
        "pragmas": pragmas,
        "reader_holds_lock": reader_holds_lock,
        "refused": refused,
        "count": count,
        "seconds": seconds,
        "control_refused": control_refused,
        "control_count": control_count,
    }
    print(json.dumps(figures))  # noqa: T201  what the proof reads


def _pragma(name: str) -> str | int:
    with connection.cursor() as cursor:
        found: str | int = cursor.execute(f"PRAGMA {name}").fetchone()[0]
    return found


def _reader_holds_lock() -> bool:
    """Tell whether a transaction that has read, and nothing else, keeps everybody else from writing."""
    other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0)
    try:
        with transaction.atomic():
            Cursor.objects.count()
            other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False


def _race(writers: int, transactions: int) -> tuple[int, int]:
    """Let processes count in one row, all at once; return how often one was refused, and how far they counted."""
    Cursor.objects.update_or_create(name="race", defaults={"position": "0", "moved_at": timezone.now()})
    connection.close()
    start, refused = _FORK.Barrier(writers), _FORK.SimpleQueue()
    processes = [
        _FORK.Process(target=_write, args=(transactions, start, refused)) for _number in range(writers)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * writers
    return sum(refused.get() for _process in processes), int(Cursor.objects.get(name="race").position)


def _write(transactions: int, start: Barrier, told: SimpleQueue[int]) -> None:
    start.wait()
    refused = 0
    for _number in range(transactions):
        try:
            with transaction.atomic():
                row = Cursor.objects.get(name="race")
                row.position = str(int(row.position) + 1)
                row.save(update_fields=["position"])
        except OperationalError as error:
            if "locked" not in str(error):
                raise
            refused += 1
    told.put(refused)
