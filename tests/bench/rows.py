"""What is asked: each row of the table with the requests that make it up and what every answer to them is."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tests.bench import cast
from tests.bench.cast import Cast, Reader
from tests.bench.load import Expected

HOST = "account.news.example"
_BATCH = 100
_CSRF = "of0the0browsers0that0the0load0is"
_BROWSER = (
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-Proto: https",
    "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Accept: application/json",
    "Accept-Language: en",
)


class Kind(StrEnum):
    """Who asks, and what becomes of it."""

    STRANGER = "stranger, refused"
    SUBSCRIBER = "subscriber"
    METERED = "metered, read again"


class Call(StrEnum):
    """What is asked, and how."""

    FLOOR = "floor: bare Django view"
    NAIVE = "naive DRF view"
    PEEK = "peek"
    READ = "read"
    BATCH = "batch of 100"
    CHECK = "proxy check"
    TOKEN = "token, offline"


# What is answered from what is kept, where anything is.
KEPT = frozenset({Call.PEEK, Call.CHECK})


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the table: a server, by name, is asked these requests round and round."""

    server: str
    call: Call
    kind: Kind | None
    requests: tuple[bytes, ...]
    expected: Expected


@dataclass(frozen=True, slots=True)
class _Visit:
    """Somebody before an article; `sort` is the sort of article that a batch asks for."""

    cookies: str
    article: str
    sort: str


_REASONS = {
    Kind.STRANGER: "subscription_required",
    Kind.SUBSCRIBER: "entitled",
    Kind.METERED: "metered",
}


def floor(ours: Cast) -> Row:
    """Return the row that all others are measured against, asked by browsers with as many cookies."""
    requests = tuple(_request("GET", "/", cookies=visit.cookies) for visit in _visits(ours, Kind.SUBSCRIBER))
    return Row("floor", Call.FLOOR, None, requests, Expected(200, '"reason": "entitled"'))


def naive(theirs: Cast) -> Iterator[Row]:
    """Yield the rows of the naive service."""
    for kind in Kind:
        says = "refused" if kind is Kind.STRANGER else _REASONS[kind]
        requests = tuple(
            _request("GET", f"/articles/{visit.article}/access", cookies=visit.cookies)
            for visit in _visits(theirs, kind)
        )
        yield Row("naive", Call.NAIVE, kind, requests, Expected(200, f'"reason":"{says}"'))


def ours(server: str, asking: Cast) -> Iterator[Row]:
    """Yield the rows of one of our servers."""
    for kind in Kind:
        visits = tuple(_visits(asking, kind))
        reason = f'"reason":"{_REASONS[kind]}"'
        peeks = tuple(_peek(visit) for visit in visits)
        yield Row(server, Call.PEEK, kind, peeks, Expected(200, reason))
        yield Row(server, Call.READ, kind, tuple(map(_read, visits)), Expected(200, reason))
        batches = tuple(map(_batch, visits))
        yield Row(server, Call.BATCH, kind, batches, Expected(200, reason, times=_BATCH))
        checked = Expected(401 if kind is Kind.STRANGER else 204, _REASONS[kind], header="x-paywall-reason")
        yield Row(server, Call.CHECK, kind, tuple(map(_check, visits)), checked)


def _visits(asking: Cast, kind: Kind) -> Iterator[_Visit]:
    if kind is Kind.STRANGER:
        devices = asking.devices or tuple(map(str, range(len(asking.subscribers))))
        for number, device in enumerate(devices):
            yield _Visit(f"__Host-device={device}", cast.premium(number), "premium")
    elif kind is Kind.SUBSCRIBER:
        for reader in asking.subscribers:
            yield _Visit(_cookies(reader), cast.premium(reader.number), "premium")
    else:
        for reader in asking.metered:
            yield _Visit(_cookies(reader), cast.metered(reader.number), "metered")


def _cookies(reader: Reader) -> str:
    return f"__Host-session={reader.session}; __Host-csrftoken={_CSRF}; __Host-device={reader.device}"


def _peek(visit: _Visit) -> bytes:
    return _request("GET", f"/api/v1/articles/{visit.article}/access", cookies=visit.cookies)


def _read(visit: _Visit) -> bytes:
    return _post(f"/api/v1/articles/{visit.article}/read", cookies=visit.cookies)


def _batch(visit: _Visit) -> bytes:
    wanted = [f"{visit.sort}-{number}" for number in range(_BATCH)]
    return _post("/api/v1/access", cookies=visit.cookies, body=json.dumps({"articles": wanted}))


def _check(visit: _Visit) -> bytes:
    original = f"X-Original-URI: /{visit.article}"
    return _request("GET", "/api/v1/access/check", original, cookies=visit.cookies)


def _post(path: str, *, cookies: str, body: str = "") -> bytes:
    headers = [f"Origin: https://{HOST}", f"X-CSRFToken: {_CSRF}", f"Content-Length: {len(body)}"]
    if body:
        headers.append("Content-Type: application/json")
    return _request("POST", path, *headers, cookies=cookies, body=body)


def _request(method: str, path: str, *headers: str, cookies: str, body: str = "") -> bytes:
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}", *_BROWSER, *headers, f"Cookie: {cookies}"]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()
