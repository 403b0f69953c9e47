"""Bytes on a connection: what no well-behaved HTTP client can be made to send."""

from __future__ import annotations

import socket
from collections.abc import Iterable

CLOSED = 0  # the server hung up without a word, which is an answer too


def post(path: str, body: bytes, *headers: bytes, length: bytes | None = None, method: str = "POST") -> bytes:
    """Return a request; `length` is what it claims, the true one where nothing is said, and b"" for no claim."""
    claim = str(len(body)).encode() if length is None else length
    lines = [
        f"{method} {path} HTTP/1.1".encode(),
        b"Host: localhost",
        b"Connection: close",
        *([b"Content-Length: " + claim] if claim else []),
        *headers,
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(body: bytes, *, size: int = 16384) -> bytes:
    """Return a body in chunks."""
    pieces = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(_chunk(piece) for piece in pieces) + b"0\r\n\r\n"


def ask(port: int, request: bytes | Iterable[bytes], *, hang_up: bool = False, seconds: float = 10) -> int:
    """Send bytes to a loopback port and return the status of the answer, or `CLOSED`.

    With `hang_up` the sending half is closed at once, so that nobody waits for more.

    :raises TimeoutError: the server neither answered nor hung up.
    """
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as connection:
        try:
            for piece in [request] if isinstance(request, bytes) else request:
                connection.sendall(piece)
            if hang_up:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has heard enough; what it said is read all the same
        return _status(connection)


def _status(connection: socket.socket) -> int:
    answer = b""
    try:
        while b"\r\n" not in answer and (more := connection.recv(4096)):
            answer += more
    except OSError as problem:
        if isinstance(problem, TimeoutError):
            raise
        return CLOSED
    words = answer.split(b" ", 2)
    return int(words[1]) if len(words) > 1 and words[1][:3].isdigit() else CLOSED


def _chunk(piece: bytes) -> bytes:
    return f"{len(piece):x}".encode() + b"\r\n" + piece + b"\r\n"
