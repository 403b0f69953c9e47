"""Why am I not recognised: the page tells a reader what we see of them, and nothing of anybody else."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from tests.factories.paywall import DAY, NOON, institution, product, reader
from tests.paywall.conftest import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

CAMPUS = {"REMOTE_ADDR": "192.0.2.7"}
ELSEWHERE = {"REMOTE_ADDR": "198.51.100.7"}


def page(client: Client, **more: Any) -> str:
    answer = client.get("/account/institution/", **more)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "private, no-store"
    return answer.content.decode()


def test_a_stranger_elsewhere_learns_their_address_and_no_network_of_ours(stranger: Client) -> None:
    institution("192.0.2.0/24", "2001:db8::/32", domains=["uni.example"])
    told = page(stranger, **ELSEWHERE)
    assert "198.51.100.7" in told
    assert "We do not recognise your network." in told
    assert "2026-11-25 12:00:00 UTC" in told
    for secret in ("192.0.2", "2001:db8", "uni.example", "Campus"):
        assert secret not in told


def test_on_the_campus_it_says_what_is_open_and_how_to_read_from_home(stranger: Client) -> None:
    product("premium", "Premium")
    institution(
        "192.0.2.0/24",
        "203.0.113.0/24",
        domains=["uni.example"],
        message="Ask at the <desk>.",
        ends_at=NOON + DAY,
    )
    institution(name="Museum", domains=["museum.example"])
    told = page(stranger, **CAMPUS)
    for words in (
        "Campus",
        "Open to you: Premium.",
        "Until Nov. 26, 2026.",
        "uni.example",
        "Ask at the &lt;desk&gt;.",
    ):
        assert words in told
    for secret in ("203.0.113", "192.0.2.0/24", "Museum", "museum.example"):
        assert secret not in told


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"ends_at": NOON}, "Its access has ended."),
        ({"is_active": False}, "Its access has ended."),
        ({"is_active": False, "starts_at": NOON + DAY}, "Its access has ended."),
        ({"starts_at": NOON + DAY}, "Its access begins on Nov. 26, 2026."),
    ],
)
def test_one_whose_access_does_not_hold_is_told_so(
    stranger: Client, fields: dict[str, Any], words: str
) -> None:
    institution("192.0.2.0/24", **fields)
    told = page(stranger, **CAMPUS)
    assert words in told
    assert "Open to you" not in told


def test_a_reader_with_an_address_there_is_told_to_prove_it_first() -> None:
    institution(domains=["uni.example"])
    who = reader("a@uni.example")
    client = sign_in(who)
    told = page(client, **ELSEWHERE)
    assert "/account/email/" in told
    assert "Open to you" not in told
    who.vouch_for_email()
    assert "Open to you: Premium." not in page(client, **ELSEWHERE)  # nobody named the product
    assert "Open to you: premium." in page(client, **ELSEWHERE)


def test_a_reader_with_another_address_is_told_that_it_opens_nothing() -> None:
    institution(domains=["uni.example"])
    told = page(sign_in(reader("a@home.example")), **ELSEWHERE)
    assert "home.example" in told
    assert "uni.example" not in told


def test_a_proxy_of_others_is_named_and_its_word_is_not_shown(stranger: Client, settings: Any) -> None:
    header = {"headers": {"X-Forwarded-For": "<script>192.0.2.7</script>, 203.0.113.9"}}
    told = page(stranger, **header, **ELSEWHERE)
    assert "the address above is the proxy" in told
    assert "192.0.2.7" not in told
    settings.TRUSTED_PROXIES = 1
    assert "203.0.113.9" in page(stranger, **header, **ELSEWHERE)
    one = {"headers": {"X-Forwarded-For": "203.0.113.9"}}
    assert "none that says so" in page(stranger, **one, **ELSEWHERE)


def test_without_an_address_it_says_so(stranger: Client) -> None:
    institution("192.0.2.0/24")
    assert "not known" in page(stranger, REMOTE_ADDR="")
