"""The file queue: across processes every message is delivered once, and a reader never sees half of one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from kombu import Connection

from config import queue as file_queue

ROOT = Path(__file__).resolve().parents[2]
_MESSAGES = 300
_WRITERS = 3

_WRITER = """
import sys
from kombu import Connection
from config import queue
with Connection("spool://", transport_options={"folder": sys.argv[1]}) as connection:
    box = connection.SimpleQueue("work")
    for number in range(int(sys.argv[3])):
        box.put({"from": sys.argv[2], "number": number, "padding": "x" * 20000})
"""

_READER = """
import sys
from queue import Empty
from kombu import Connection
from config import queue
with Connection("spool://", transport_options={"folder": sys.argv[1], "polling_interval": 0.02}) as connection:
    box = connection.SimpleQueue("work")
    while True:
        try:
            message = box.get(timeout=3)
        except Empty:
            break
        print(message.payload["from"], message.payload["number"], flush=True)
        message.ack()
"""


def _start(code: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_many_writers_and_readers_lose_and_repeat_nothing(tmp_path: Path) -> None:
    folder = str(tmp_path / "queue")
    readers = [_start(_READER, folder) for _ in range(2)]
    writers = [_start(_WRITER, folder, str(writer), str(_MESSAGES)) for writer in range(_WRITERS)]
    for writer in writers:
        assert writer.wait(timeout=60) == 0
    seen: list[str] = []
    for reader in readers:
        output, _ = reader.communicate(timeout=60)
        assert reader.returncode == 0
        seen += output.splitlines()
    expected = {f"{writer} {number}" for writer in range(_WRITERS) for number in range(_MESSAGES)}
    assert len(seen) == len(expected)
    assert set(seen) == expected
    assert not list((tmp_path / "queue").glob("*.msg"))


def test_the_folder_is_ours_alone(tmp_path: Path) -> None:
    folder = tmp_path / "queue"
    with Connection("spool://", transport_options={"folder": str(folder)}) as connection:
        connection.SimpleQueue("work").put({"a": 1})
    assert folder.stat().st_mode & 0o077 == 0
    assert file_queue.Transport.Channel is file_queue.Channel


def test_a_queue_can_be_measured_and_emptied(tmp_path: Path) -> None:
    with Connection("spool://", transport_options={"folder": str(tmp_path / "queue")}) as connection:
        box = connection.SimpleQueue("measured")
        box.put({"a": 1})
        box.put({"a": 2})
        assert box.qsize() == 2
        assert box.clear() == 2
        assert box.qsize() == 0
