"""The same proof at a real server: the whole table over sockets, and what only raw bytes can say."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL
from tests.proofs.odd_input import wire
from tests.proofs.odd_input.deliveries import MEGABYTE, Arrival, Fate, Sender, everything
from tests.proofs.processes.stack import WEBHOOK_SECRET, Stack, running

URL = "/stripe/webhook/"
REPLAYS = 20
_STATES = {Fate.IGNORED: "ignored", Fate.TAKEN: "received"}
_KEPT = """
import json
from billing.models import StripeEvent
print("KEPT" + json.dumps(dict(StripeEvent.objects.values_list("event_id", "state"))))
"""


@pytest.mark.skipif(not IS_FULL, reason="starts real processes; the ordinary run asks in this process")
def test_s4_a_real_server_holds_the_door_as_well(tmp_path: Path, database_url: str, figure: Figure) -> None:
    stack = Stack(folder=tmp_path, database_url=database_url, webhooks=False)
    sender = Sender("cus_proof", WEBHOOK_SECRET)
    wrong, answers = list[str](), Counter[int]()
    with running(stack, "web"):
        arrivals = everything(sender)
        for arrival in arrivals:
            status = wire.ask(stack.service_port, _request(arrival))
            answers[status] += 1
            if not _is_right(arrival, status):
                wrong.append(f"{arrival.name}: {status}")
        raw = dict(_raw(sender))
        for name, request in raw.items():
            status = wire.ask(stack.service_port, request, hang_up="hangs up" in name)
            answers[status] += 1
            if status not in {wire.CLOSED, *range(400, 500)}:
                wrong.append(f"{name}: {status}")
        replay = sender.genuine("a replay", sender.body())
        with ThreadPoolExecutor(REPLAYS) as pool:
            replays = Counter(pool.map(partial(wire.ask, stack.service_port), [_request(replay)] * REPLAYS))
        in_chunks = sender.genuine("in chunks", sender.body())
        answers[wire.ask(stack.service_port, _in_chunks(in_chunks.body, in_chunks.signatures[0]))] += 1
        sizes = {name: wire.ask(stack.service_port, request) for name, request in _too_large()}
        kept = json.loads(stack.manage("shell", "--verbosity", "0", "--command", _KEPT).split("KEPT")[1])
    expected = {json.loads(one.body)["id"]: "received" for one in (replay, in_chunks)}
    expected |= {json.loads(one.body)["id"]: _STATES[one.fate] for one in arrivals if one.fate in _STATES}
    taken = sum(arrival.fate is Fate.TAKEN for arrival in arrivals)
    vendor, extra = database_url.partition(":")[0], len(set(kept) - set(expected))
    failed = sum(answers[status] for status in answers if status >= 500)
    figure(
        "S4",
        f"{vendor}, over sockets: {len(arrivals) - taken} wrong deliveries, {len(raw)} broken requests, "
        f"{taken} odd but genuine: {len(wrong)} wrong answers, {extra} kept that should not be, {failed} x 5xx; "
        f"{REPLAYS} replays at once: {dict(replays)}; answers {dict(sorted(answers.items()))}",
        target="0 accepted, 0 x 5xx, effects = 1",
    )
    figure(
        "S6",
        f"{vendor}, over sockets: {len(sizes)} bodies over 256 KB: {dict(Counter(sizes.values()))}",
        target="413",
    )
    assert wrong == []
    assert kept == expected
    assert set(sizes.values()) == {413}, sizes
    assert replays == {200: REPLAYS}


def _request(arrival: Arrival) -> bytes:
    signatures = [one if isinstance(one, bytes) else one.encode() for one in arrival.signatures]
    headers = [f"{name}: {text}".encode() for name, text in arrival.headers.items()]
    headers += [b"Stripe-Signature: " + one for one in signatures]
    return wire.post(URL, arrival.body, *headers, method=arrival.method)


def _in_chunks(body: bytes, signature: str | bytes) -> bytes:
    signed = b"Stripe-Signature: " + (signature if isinstance(signature, bytes) else signature.encode())
    return wire.post(URL, wire.chunked(body, size=50), b"Transfer-Encoding: chunked", signed, length=b"")


def _too_large() -> Iterator[tuple[str, bytes]]:
    """Yield bodies that are too large, or say so, for every kind of door."""
    body, json_kind = b" " * 262_145, b"Content-Type: application/json"
    for path in (
        "/api/v1/access",
        "/account/login/",
        "/_allauth/app/v1/auth/login",
        "/admin/login/",
        "/nowhere",
    ):
        yield f"{path} by length", wire.post(path, body, json_kind)
        yield f"{path} by a length that lies", wire.post(path, b"{}", json_kind, length=b"99999999")
        for size in (1, 9):
            chunks = wire.chunked(body * size)
            yield (
                f"{path} in chunks x {size}",
                wire.post(path, chunks, json_kind, b"Transfer-Encoding: chunked", length=b""),
            )


def _is_right(arrival: Arrival, status: int) -> bool:
    if arrival.fate is Fate.REFUSED:
        return status == wire.CLOSED or 400 <= status < 500
    return status == 200


def _raw(sender: Sender) -> Iterator[tuple[str, bytes]]:
    """Yield broken requests around genuine, signed bodies; none of them may get in."""

    def signed(body: bytes) -> bytes:
        return b"Stripe-Signature: " + sender.sign(body).encode()

    for length in (b"abc", b"-5", b"+5", b"0x10", b"1e3", b"9" * 40, b"1, 2", b"\xb2"):
        body = sender.body()
        yield f"a length of {length[:8]!r}", wire.post(URL, body, signed(body), length=length)
    body = sender.body()
    yield "two lengths", wire.post(URL, body, b"Content-Length: 3", signed(body))
    yield "too short a length", wire.post(URL, body, signed(body), length=str(len(body) - 1).encode())
    yield "half a body, hangs up", wire.post(URL, body, signed(body))[: -len(body) // 2]
    yield "half a header, hangs up", wire.post(URL, body, signed(body))[:40]
    yield "a claim of far too much, hangs up", wire.post(URL, body, signed(body), length=b"99999999999")
    big = b" " * (2 * MEGABYTE) + body
    pieces = b"Transfer-Encoding: chunked"
    yield "two megabytes in chunks", wire.post(URL, wire.chunked(big), pieces, signed(big), length=b"")
    yield "two megabytes that claim to be few", wire.post(URL, big, signed(big), length=b"10")
    yield (
        "chunks and a length the other way",
        wire.post(URL, body, b"Transfer-Encoding: xchunked", signed(body)),
    )
    yield "a chunk of no size", wire.post(URL, b"zz\r\n" + body, pieces, signed(body), length=b"")
    yield (
        "a chunk that never comes, hangs up",
        wire.post(URL, b"fff\r\n" + body[:-9], pieces, signed(body), length=b""),
    )
    for name, header in {
        "NUL in a header": b"X-Note: a\x00b",
        "NUL in the signature": signed(body) + b"\x00",
        "a bare CR in a header": b"X-Note: a\rX-More: b",
        "a folded header": b"X-Note: a\r\n b",
        "a blank in a header's name": b"X Note: a",
        "a header without a colon": b"X-Note",
        "a header without a name": b": a",
        "a header beyond all size": b"X-Note: " + b"a" * 1_000_000,
        "headers beyond all number": b"\r\n".join(b"X-%d: a" % number for number in range(5000)),
    }.items():
        other = sender.body(note=name) if "signature" not in name else body
        also = () if "signature" in name else (signed(other),)
        yield name, wire.post(URL, other, header, *also)
    for path in (
        "//stripe/webhook/",
        "/stripe/webhook/%00",
        "/stripe/%2e%2e/stripe/webhook/x",
    ):
        yield f"another path: {path}", wire.post(path, body, signed(body))
    yield "no method", wire.post(URL, body, signed(body), method="")
    yield "another protocol, hangs up", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    yield "no protocol at all, hangs up", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64)
