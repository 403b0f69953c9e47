"""What may arrive at Stripe's door: forged, stale, misdirected, mangled, merely odd; and what has to become of each.

Everything is about one customer, so that whatever is believed by mistake shows as a look at that customer.
"""

from __future__ import annotations

import gzip
import hashlib
import hmac
import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import stripe

OTHERS_SECRET = "whsec_of_somebody_else_entirely"
MEGABYTE = 1024 * 1024

_CONTENT_TYPES = (
    "text/plain",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/json; charset=latin-1",
    "",
)
_numbers = itertools.count(1)


class Fate(StrEnum):
    """What has to become of a delivery."""

    REFUSED = "refused"  # answered 4xx, nothing stored
    IGNORED = "ignored"  # answered 200 so that Stripe stops, kept for the record, without any effect
    TAKEN = "taken"  # genuine: one row, however odd the way it came


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request to the webhook."""

    name: str
    body: bytes
    signatures: tuple[str | bytes, ...]
    fate: Fate
    method: str = "POST"
    headers: Mapping[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})


@dataclass(frozen=True, slots=True)
class Sender:
    """Stripe, and whoever pretends to be; `secret` is the one we share with Stripe."""

    customer: str
    secret: str

    def event(self, kind: str = "customer.updated", **fields: Any) -> dict[str, Any]:
        """Return an event of its own about the customer."""
        return {
            "id": f"evt_odd{time.time_ns()}x{next(_numbers)}",
            "object": "event",
            "api_version": stripe.api_version,
            "created": int(time.time()),
            "livemode": False,
            "type": kind,
            "data": {"object": {"id": self.customer, "object": "customer"}},
            **fields,
        }

    def body(self, **fields: Any) -> bytes:
        """Return such an event as bytes."""
        return json.dumps(self.event(**fields)).encode()

    def about(self, **fields: Any) -> bytes:
        """Return an event about something else of the customer's."""
        return self.body(data={"object": {"customer": self.customer, **fields}})

    def sign(self, body: bytes, *, secret: str | None = None, at: int | None = None) -> str:
        """Return Stripe's signature header for these very bytes."""
        moment = int(time.time()) if at is None else at
        return f"t={moment},v1={self.digest(body, secret=secret, at=moment)}"

    def digest(self, body: bytes, *, at: int, secret: str | None = None) -> str:
        """Return the signature alone."""
        key = (self.secret if secret is None else secret).encode()
        return hmac.new(key, b"%d." % at + body, hashlib.sha256).hexdigest()

    def genuine(self, name: str, body: bytes, **options: Any) -> Arrival:
        """Return a delivery that Stripe signed."""
        return Arrival(name, body, (self.sign(body),), **{"fate": Fate.TAKEN, **options})


def everything(sender: Sender) -> list[Arrival]:
    """Return all arrivals, made now: a signature is good for five minutes only."""
    makers: tuple[Callable[[Sender], Iterator[Arrival]], ...] = (
        _forged, _mangled, _of_other_ways, _misdirected, _unreadable, _odd_but_genuine,
    )  # fmt: skip
    return [arrival for make in makers for arrival in make(sender)]


def _forged(sender: Sender) -> Iterator[Arrival]:
    """Yield what nobody signed who could."""
    body, now = sender.body(), int(time.time())
    good = sender.digest(body, at=now)
    signatures: dict[str, tuple[str | bytes, ...]] = {
        "no signature": (),
        "an empty signature": ("",),
        "a word for a signature": ("hello",),
        "a signature without its time": (f"v1={good}",),
        "a time without a signature": (f"t={now}",),
        "no digest behind v1": (f"t={now},v1=",),
        "half of a digest": (f"t={now},v1={good[:32]}",),
        "a digest in capitals": (f"t={now},v1={good.upper()}",),
        "a digest of zeros": (f"t={now},v1={'0' * 64}",),
        "somebody else's secret": (sender.sign(body, secret=OTHERS_SECRET),),
        "an empty secret": (sender.sign(body, secret=""),),
        "the secret without its prefix": (sender.sign(body, secret=sender.secret.removeprefix("whsec_")),),
        "the secret and a blank": (sender.sign(body, secret=sender.secret + " "),),
        "older than five minutes": (sender.sign(body, at=now - 302),),
        "years old": (sender.sign(body, at=1_500_000_000),),
        "a time before time": (sender.sign(body, at=-1),),
        "an old digest beside a fresh time": (f"t={now},v1={sender.digest(body, at=now - 400)}",),
        "an old signature with a second time": (f"{sender.sign(body, at=now - 400)},t={now}",),
        "an old signature after a second time": (f"t={now},{sender.sign(body, at=now - 400)}",),
        "the time changed": (f"t={now + 1},v1={good}",),
        "a time with a sign": (f"t=+{now},v1={'0' * 64}",),
        "a time with a fraction": (f"t={now}.0,v1={good}",),
        "a time in another script": ("t=١٢٣٤,v1=abc".encode(),),
        "an endless time": (f"t={'9' * 5000},v1={good}",),
        "the older scheme": (f"t={now},v0={good}",),
        "a scheme of the future": (f"t={now},v2={good}",),
        "many wrong digests": (f"t={now}" + f",v1={'ab' * 32}" * 40,),
        "an endless header": ("v1=a," * 20_000,),
        "bytes that are no text": (b"t=1,v1=\xff\xfe\xfd",),
        "letters beyond ASCII": (f"t={now},v1=é{good}".encode(),),
        "two headers, both wrong": (sender.sign(body, secret=OTHERS_SECRET), f"t={now},v1={'0' * 64}"),
        "signed for another body": (sender.sign(sender.body()),),
        "signed for half the body": (sender.sign(body[: len(body) // 2]),),
        "signed without the time": (f"t={now},v1={_bare(body, secret=sender.secret)}",),
    }
    for name, given in signatures.items():
        yield Arrival(f"forged: {name}", body, given, Fate.REFUSED)


def _mangled(sender: Sender) -> Iterator[Arrival]:
    """Yield genuine signatures over what is no longer what was signed."""
    body = sender.body()
    signature = sender.sign(body)
    changed = {
        "another customer": body.replace(sender.customer.encode(), b"cus_thief"),
        "another id": body.replace(b"evt_", b"evt_x"),
        "a truncated body": body[:-9],
        "a body with an end": body + b"\n",
        "a body of zeros": bytes(len(body)),
        "no body": b"",
        "a body with a byte order mark": b"\xef\xbb\xbf" + body,
        "a compressed body": gzip.compress(body),
        "a body in UTF-16": body.decode().encode("utf-16"),
        "a body twice": body + body,
        "a form": b"payload=" + body,
    }
    for name, other in changed.items():
        yield Arrival(f"mangled: {name}", other, (signature,), Fate.REFUSED)


def _of_other_ways(sender: Sender) -> Iterator[Arrival]:
    """Yield what comes too large, or not as a POST."""
    for method in ("GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"):
        yield sender.genuine(f"sent by {method}", sender.body(), fate=Fate.REFUSED, method=method)
    head, tail = sender.body(padding="x").split(b'"padding": "x')
    padding = MEGABYTE - len(head) - len(tail) - len(b'"padding": "')
    whole = head + b'"padding": "' + b"x" * padding + tail
    assert len(whole) == MEGABYTE
    yield sender.genuine("exactly a megabyte", whole)
    yield sender.genuine("a megabyte and a byte", whole + b" ", fate=Fate.REFUSED)


def _misdirected(sender: Sender) -> Iterator[Arrival]:
    """Yield what Stripe signed and meant for somebody else, or what is no news."""
    yield sender.genuine("of live mode", sender.body(livemode=True), fate=Fate.IGNORED)
    yield sender.genuine("of a connected account", sender.body(account="acct_1other"), fate=Fate.IGNORED)
    for kind in ("account.updated", "payout.paid", "capability.updated", "v1.made.up", "customers.updated"):
        yield sender.genuine(f"of a type that is no news: {kind}", sender.body(kind=kind), fate=Fate.IGNORED)


def _unreadable(sender: Sender) -> Iterator[Arrival]:
    """Yield what Stripe signed and what is no event nevertheless."""
    deep, invoice = b"[" * 100_000, {"id": "in_1", "object": "invoice"}
    bodies = {
        "nothing": b"",
        "a blank": b" ",
        "a word": b"hello",
        "NUL": b"\x00",
        "null": b"null",
        "a list of events": b"[" + sender.body() + b"]",
        "an empty object": b"{}",
        "depth without end": deep,
        "a deep object": sender.body()[:-1] + b', "x": ' + deep + b"}",
        "an endless number": sender.body()[:-1] + b', "x": ' + b"9" * 5000 + b"}",
        "not UTF-8": sender.body() + b"\xff\xfe",
        "overlong UTF-8": sender.body().replace(b"customer.updated", b"customer\xc0\xaeupdated"),
        "a byte order mark": b"\xef\xbb\xbf" + sender.body(),
        "UTF-16": sender.body().decode().encode("utf-16"),
        "compressed": gzip.compress(sender.body()),
        "a thin event": json.dumps(
            {"id": "evt_thin1", "object": "v2.core.event", "type": "v2.core.event", "created": "2026-11-25T12:00:00Z"}
        ).encode(),
        "no data": sender.body(data=None),
        "no object": sender.body(data={}),
        "an object that is an id": sender.body(data={"object": sender.customer}),
        "an object that is a list": sender.body(data={"object": [{"id": sender.customer}]}),
        "no id": sender.body(id=None),
        "a number for an id": sender.body(id=1),
        "an empty id": sender.body(id=""),
        "a list for an id": sender.body(id=["evt_1"]),
        "an endless id": sender.body(id="evt_" + "1" * 500),
        "SQL for an id": sender.body(id="evt_1'; DROP TABLE billing_stripeevent; --"),
        "a path for an id": sender.body(id="../../customers"),
        "a line end in an id": sender.body(id="evt_1\r\nX-Injected: 1"),
        "NUL in an id": sender.body(id="evt_\x00"),
        "half a character in an id": sender.body(id="evt_\ud800"),
        "a number for a type": sender.body(kind=7),
        "no type": sender.body(kind=None),
        "markup for a type": sender.body(kind="<script>"),
        "no time": sender.body(created=None),
        "a time beyond time": sender.body(created=10**18),
        "words for a time": sender.body(created="yesterday"),
        "not a number for a time": sender.body(created=float("nan")),
        "an infinite time": sender.body(created=float("inf")),
        "no mode": sender.body(livemode=None),
        "a word for the mode": sender.body(livemode="false"),
        "a path for a customer": sender.body(data={"object": {**invoice, "customer": "../x"}}),
        "SQL for a customer": sender.body(data={"object": {**invoice, "customer": "x' OR 1=1 --"}}),
        "a customer whose id is a list": sender.body(data={"object": {"id": ["x"], "object": "customer"}}),
    }  # fmt: skip
    for name, body in bodies.items():
        yield sender.genuine(f"signed, but no event: {name}", body, fate=Fate.REFUSED)


def _odd_but_genuine(sender: Sender) -> Iterator[Arrival]:
    """Yield what Stripe signed and what has to get in, however it looks."""
    body, now = sender.body(), int(time.time())
    bad, good = f"v1={'ab' * 32}", f"v1={sender.digest(body, at=now)}"
    yield Arrival("several digests, one right", body, (f"t={now},{bad},{good},{bad}",), Fate.TAKEN)
    again = sender.body()
    two = (f"t={now},{bad}", f"t={now},v1={sender.digest(again, at=now)}")
    yield Arrival("two headers, one right", again, two, Fate.TAKEN)
    early = sender.body()
    yield Arrival("a clock that is ahead", early, (sender.sign(early, at=now + 60),), Fate.TAKEN)
    for kind in _CONTENT_TYPES:
        headers = {"Content-Type": kind}
        yield sender.genuine(f"sent as {kind or 'nothing'}", sender.body(), headers=headers)
    extra = {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        "X-Forwarded-Host": "evil.example",
    }
    yield sender.genuine("said to be compressed", sender.body(), headers=extra)
    cookies = {"Content-Type": "application/json", "Cookie": "session=x", "Authorization": "Bearer x"}
    yield sender.genuine("with credentials of others", sender.body(), headers=cookies)
    yield sender.genuine("another format", json.dumps(sender.event(), indent=9, sort_keys=True).encode())
    twice = sender.body()[:-1] + b', "livemode": true, "livemode": false}'
    yield sender.genuine("the same key twice", twice)
    yield sender.genuine("an API version that is none", sender.body(api_version="\x00\ud800" * 99))
    yield sender.genuine("an API version of the past", sender.body(api_version="2019-12-03"))
    yield sender.genuine(
        "fields that nobody knows", sender.body(**{"__proto__": {}, "constructor": "x", "": 0})
    )
    yield sender.genuine("NUL and half characters", sender.body(note="\x00 \ud800 \udfff", **{"\x00": 1}))
    yield sender.genuine("an object of no type", sender.about(id="in_none"))
    yield sender.genuine("a path for an object", sender.about(id="../v1/customers/cus_1", object="invoice"))
    yield sender.genuine("SQL for an object", sender.about(id="x'); DELETE FROM users; --", object="invoice"))
    yield sender.genuine("a customer written out", sender.about(id="in_1", object="invoice").replace(
        f'"{sender.customer}"'.encode(), f'{{"id": "{sender.customer}", "object": "customer"}}'.encode()))  # fmt: skip


def _bare(body: bytes, *, secret: str) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
