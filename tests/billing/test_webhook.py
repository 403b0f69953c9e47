"""Stripe's door: what is genuine is kept and answered at once; nothing else gets in, and nothing makes it fall over."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from django.test import Client

from billing.models import StripeEvent
from tests.factories.billing import SECRET, an_event, signed

URL = "/stripe/webhook/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def sender() -> Client:
    """Whoever posts: CSRF is checked as for a real request, and an error is an answer as in production."""
    return Client(enforce_csrf_checks=True, raise_request_exception=False)


def post(sender: Client, body: bytes, signature: str | bytes | None, **headers: Any) -> int:
    extra: dict[str, Any] = dict(headers)
    if signature is not None:
        # WSGI hands headers over as latin-1 text, whatever the bytes were.
        extra["HTTP_STRIPE_SIGNATURE"] = (
            signature.decode("latin-1") if isinstance(signature, bytes) else signature
        )
    return sender.post(URL, data=body, content_type="application/json", **extra).status_code


def deliver(sender: Client, event: dict[str, Any] | bytes, **options: Any) -> int:
    body, signature = signed(event, **options)
    return post(sender, body, signature)


def test_a_genuine_event_is_kept(sender: Client) -> None:
    event = an_event("invoice.paid", about={"id": "in_1", "object": "invoice", "customer": "cus_7"})
    assert deliver(sender, event) == 200
    row = StripeEvent.objects.get()
    assert (row.event_id, row.type, row.customer_id, row.object_id) == (
        event["id"],
        "invoice.paid",
        "cus_7",
        "in_1",
    )
    assert (row.state, row.payload) == ("received", event)


def test_the_same_event_again_is_200_and_kept_once(sender: Client) -> None:
    event = an_event()
    assert [deliver(sender, event) for _time in range(3)] == [200] * 3
    assert StripeEvent.objects.count() == 1


def test_it_costs_one_query(sender: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert deliver(sender, an_event()) == 200


def test_a_refusal_is_told_to_whoever_reads_the_log(
    sender: Client, caplog: pytest.LogCaptureFixture, settings: Any
) -> None:
    assert deliver(sender, an_event(), secret="whsec_rolled_at_stripe_only") == 400
    assert "A webhook was refused: The signature is missing, wrong or old." in caplog.text
    settings.STRIPE_WEBHOOK_SECRETS = ()
    assert deliver(sender, an_event()) == 503
    assert "STRIPE_WEBHOOK_SECRETS is not set" in caplog.text


def test_any_of_several_secrets_will_do(sender: Client, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ("whsec_the_new_one_0123456789", SECRET)
    assert deliver(sender, an_event()) == 200
    assert deliver(sender, an_event(), secret="whsec_the_new_one_0123456789") == 200
    assert StripeEvent.objects.count() == 2


def test_without_a_secret_nobody_is_believed_and_nothing_is_stored(sender: Client, settings: Any) -> None:
    settings.STRIPE_WEBHOOK_SECRETS = ()
    assert deliver(sender, an_event()) == 503
    assert deliver(sender, an_event(), secret="") == 503
    assert not StripeEvent.objects.exists()


def test_the_other_mode_is_answered_and_ignored(sender: Client) -> None:
    assert deliver(sender, an_event(livemode=True)) == 200
    assert StripeEvent.objects.get().state == "ignored"


def test_an_event_of_an_old_api_version_is_kept_for_its_ids(sender: Client) -> None:
    old = {
        "id": "sub_1",
        "object": "subscription",
        "customer": "cus_1",
        "current_period_end": 1,
        "plan": {"id": "x"},
    }
    assert (
        deliver(sender, an_event("customer.subscription.updated", about=old, api_version="2019-12-03")) == 200
    )
    assert StripeEvent.objects.get().customer_id == "cus_1"


def test_text_that_no_column_holds_is_made_harmless_in_the_record(sender: Client) -> None:
    about = {"id": "cus_1", "object": "customer", "name": "half \ud800 and \x00 nothing", "balance": 1}
    body = json.dumps(an_event(about=about)).replace('"balance": 1', '"balance": 1e999').encode()
    assert deliver(sender, body) == 200
    kept = StripeEvent.objects.get().payload["data"]["object"]
    assert kept["name"] == "half ? and \ufffd nothing"
    assert kept["balance"] == "inf"


def forged() -> dict[str, tuple[bytes, str | bytes | None]]:
    """Return what is not Stripe's; made when it is needed, since a signature is good for five minutes only."""
    body, signature = signed(an_event())
    return {
        "no signature": (body, None),
        "an empty signature": (body, ""),
        "a signature that is none": (body, "hello"),
        "no time": (body, signature.split(",")[1]),
        "no signature beside the time": (body, signature.split(",")[0]),
        "a wrong secret": signed(an_event(), secret="whsec_somebody_elses"),
        "an empty secret": signed(an_event(), secret=""),
        "a body changed after signing": (body.replace(b"cus_1", b"cus_2"), signature),
        "a truncated body": (body[:-9], signature),
        "a time changed after signing": (body, signature.replace("t=", "t=1")),
        "a stale signature": signed(an_event(), at=int(time.time()) - 301),
        "a signature of another scheme": (body, signature.replace("v1=", "v0=")),
        "a non-ASCII signature": (body, signature.replace("v1=", "v1=é")),
        "raw bytes for a signature": (body, b"t=1,v1=\xff\xfe\xfd"),
        "digits of another script for a time": (body, "t=١٢٣,v1=abc".encode()),
        "a NUL in the signature": (body, signature + "\x00"),
        "an endless time": (body, f"t={'9' * 5000},v1=abc"),
        "an endless signature": (body, "v1=a," * 100_000),
        "a body that is not UTF-8": (b"\xff\xfe" + body, signature),
        "no body": (b"", signature),
    }


BODY = json.dumps(an_event()).encode()
SIGNED_NONSENSE = {
    "nothing": b"",
    "not JSON": b"hello",
    "half of a document": BODY[:40],
    "a list": b"[]",
    "a string": b'"evt_1"',
    "null": b"null",
    "an empty object": b"{}",
    "NUL": b"\x00",
    "an endless number": b'{"created": ' + b"9" * 5000 + b"}",
    "depth without end": b"[" * 100_000,
    "no object": json.dumps({**an_event(), "data": {}}).encode(),
    "an object that is none": json.dumps({**an_event(), "data": {"object": "cus_1"}}).encode(),
    "a thin event": json.dumps(
        {"id": "evt_1", "object": "v2.core.event", "type": "x", "created": "2026"}
    ).encode(),
    "a time beyond time": json.dumps(an_event(created=10**18)).encode(),
    "no time": json.dumps(an_event(created=None)).encode(),
    "an id with a NUL": json.dumps(an_event(id="evt_\x00")).encode(),
    "an id that is none": json.dumps(an_event(id=["evt_1"])).encode(),
    "an endless id": json.dumps(an_event(id="evt_" + "1" * 500)).encode(),
    "a customer that is a path": json.dumps(
        an_event(about={"object": "invoice", "customer": "../x"})
    ).encode(),
    "no type": json.dumps(an_event(type=None)).encode(),
}


@pytest.mark.parametrize("case", list(forged()))
def test_what_stripe_did_not_sign_never_gets_in(sender: Client, case: str) -> None:
    body, signature = forged()[case]
    assert post(sender, body, signature) == 400
    assert not StripeEvent.objects.exists()


@pytest.mark.parametrize("case", SIGNED_NONSENSE)
def test_what_is_no_event_never_gets_in_even_signed(sender: Client, case: str) -> None:
    assert deliver(sender, SIGNED_NONSENSE[case]) == 400
    assert not StripeEvent.objects.exists()


def test_too_large_is_413_and_the_cap_itself_is_not(sender: Client, settings: Any) -> None:
    settings.WEBHOOK_MAX_BYTES = len(BODY)
    assert deliver(sender, BODY) == 200
    assert deliver(sender, BODY + b" ") == 413
    assert StripeEvent.objects.count() == 1


@pytest.mark.parametrize("length", ["", "-5", "nonsense", "999999999999", "0"])
def test_a_length_that_lies_is_refused(sender: Client, length: str) -> None:
    body, signature = signed(BODY)
    assert post(sender, body, signature, CONTENT_LENGTH=length) in {200, 400, 413}


@pytest.mark.parametrize("method", ["get", "put", "patch", "delete", "head", "options"])
def test_only_post(sender: Client, method: str) -> None:
    assert getattr(sender, method)(URL).status_code == 405
