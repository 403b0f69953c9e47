"""The load: wrk, which outruns every server here, asking as many readers would and looking at every answer."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_SCRIPT = Path(__file__).with_name("load.lua")


@dataclass(frozen=True, slots=True)
class Expected:
    """What every answer of a row is: its status, and what it says so many times in its body, or in a header."""

    status: int
    says: str
    times: int = 1
    header: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """What one row did in one round. Latencies in milliseconds."""

    answers: int
    per_second: float
    p50: float
    p99: float


class WrongAnswer(Exception):
    """A server that does not say what it should is not worth measuring."""


def program() -> str | None:
    """Return the installed wrk."""
    return shutil.which("wrk")


def write(requests: Sequence[bytes], file: Path) -> Path:
    """Keep requests as the load asks for them."""
    file.write_bytes(b"".join(request + b"\0" for request in requests))
    return file


def attempt(requests: Sequence[bytes], *, port: int, expected: Expected) -> None:
    """Send requests, one after the other.

    :raises WrongAnswer: one was not answered as expected; it is shown.
    """
    for request in requests:
        answer = ask(request, port=port)
        head, _, body = answer.partition("\r\n\r\n")
        is_said = (
            f"{expected.header}: {expected.says}\r\n" in f"{head}\r\n"
            if expected.header
            else body.count(expected.says) == expected.times
        )
        if not head.startswith(f"HTTP/1.1 {expected.status} ") or not is_said:
            asked = request.decode().replace("\r\n", "\n")
            raise WrongAnswer(f"Expected {expected} of\n{asked}\nbut got\n{answer[:3000]}")


def ask(request: bytes, *, port: int) -> str:
    """Send one request on a connection of its own and return the whole answer."""
    once = request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(once)
        parts = list(iter(lambda: connection.recv(65536), b""))
    return b"".join(parts).decode()


def measure(
    requests: Path, *, port: int, expected: Expected, seconds: int, clients: int, first: int = 0
) -> Measured:
    """Ask for so many seconds with so many clients, each of which waits for its answer; from the `first` request on.

    :raises WrongAnswer: some were not answered, or not as expected.
    """
    command = ["wrk", "--threads", "1", "--connections", str(clients), "--duration", f"{seconds}s"]
    command += ["--timeout", "30s", "--script", str(_SCRIPT), f"http://127.0.0.1:{port}", "--", str(requests)]
    command += [str(first), str(expected.status), expected.says, str(expected.times)]
    command += [expected.header] if expected.header else []
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    if not said["answers"]:
        raise WrongAnswer(
            f"Expected {expected}, but nothing came within {seconds} s: give it longer (--seconds)."
        )
    if said["wrong"] or said["failed"]:
        raise WrongAnswer(f"Expected {expected}, but under load: {said}")
    return Measured(said["answers"], said["answers"] / said["seconds"], said["p50"], said["p99"])
