"""May this reader see this article: what the API answers, to whom, with which headers."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client

from accounts.identity import Identity
from accounts.models import User
from paywall.access import read
from paywall.decision.article import Demand
from paywall.decision.facts import Suspension
from tests.factories.paywall import DAY, MARKER, NOON, article, entitle, failed, grant, in_grace, product
from tests.paywall.conftest import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

URL = "/api/v1/articles/harbour-vote"
VARY = {"cookie", "authorization", "x-session-token", "x-device-id", "origin", "accept-language"}


def access(client: Client, **options: Any) -> dict[str, Any]:
    answer = client.get(f"{URL}/access", **options)
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_stranger_is_told_to_sign_in_or_subscribe(stranger: Client) -> None:
    article()
    found = access(stranger)
    assert re.fullmatch(r"dec_[0-9A-HJKMNP-TV-Z]{26}", found.pop("id"))
    assert found == {
        "article": "harbour-vote",
        "access": "teaser",
        "reason": "subscription_required",
        "products": ["premium"],
        "remedies": [
            {
                "kind": "log_in",
                "url": "http://localhost:8000/account/login/?next=http%3A%2F%2Flocalhost%3A8001%2Fharbour-vote",
            },
            {
                "kind": "subscribe",
                "url": "http://localhost:8000/account/subscribe/?product=premium"
                "&return_url=http%3A%2F%2Flocalhost%3A8001%2Fharbour-vote",
            },
        ],
        "notice": {
            "title": "This article is for subscribers",
            "text": "If you subscribe already, sign in and read on. If not, a subscription opens it.",
        },
        "meter": None,
        "until": None,
        "checking": False,
    }


def test_known_but_never_subscribed_is_told_what_opens_it(signed_in: Client) -> None:
    product("premium", "The whole paper")
    article()
    found = access(signed_in)
    assert found["reason"] == "subscription_required"
    assert "The whole paper opens it." in found["notice"]["text"]
    assert "another e-mail address" in found["notice"]["text"]
    assert [remedy["kind"] for remedy in found["remedies"]] == ["subscribe", "switch_account"]
    leave = urlsplit(found["remedies"][1]["url"])
    assert leave.path == "/account/logout/"
    assert parse_qs(leave.query)["next"] == [
        "/account/login/?next=http%3A%2F%2Flocalhost%3A8001%2Fharbour-vote"
    ]


def test_a_subscriber_reads_until_the_term_ends(signed_in: Client, mara: User) -> None:
    article()
    entitle(mara, grant())
    found = access(signed_in)
    assert (found["access"], found["reason"], found["notice"]) == ("full", "entitled", None)
    assert found["until"] == "2026-12-15T12:00:00Z"


def test_in_grace_the_banner_says_which_card_and_until_when(signed_in: Client, mara: User) -> None:
    article()
    entitle(mara, in_grace())
    found = access(signed_in)
    assert (found["access"], found["reason"]) == ("full", "grace_period")
    assert found["notice"] == {
        "title": "Please check your card",
        "text": "Your card Visa •••• 0341 was declined. You can read on until November 30, 2026; please give us a "
        "card that works.",
    }
    assert [remedy["kind"] for remedy in found["remedies"]] == ["fix_card"]


def test_a_renewal_on_its_way_worries_nobody(signed_in: Client, mara: User) -> None:
    article()
    entitle(mara, grant(ends_at=NOON, grace_until=NOON + DAY))
    found = access(signed_in)
    assert (found["reason"], found["notice"], found["remedies"]) == ("grace_period", None, [])


def test_a_failed_card_is_named_and_nothing_is_sold(signed_in: Client, mara: User) -> None:
    article()
    entitle(mara, failed())
    found = access(signed_in)
    assert (found["access"], found["reason"]) == ("teaser", "payment_failed")
    assert found["notice"]["text"] == (
        "Your card Visa •••• 0341 was declined. The article opens by itself when a new card pays the open invoice."
    )
    assert [remedy["kind"] for remedy in found["remedies"]] == ["fix_card"]
    assert found["remedies"][0]["url"] == (
        "http://localhost:8000/account/card/?return_url=http%3A%2F%2Flocalhost%3A8001%2Fharbour-vote"
    )


def test_a_bank_that_wants_a_confirmation(signed_in: Client, mara: User) -> None:
    article()
    entitle(mara, failed(suspension=Suspension.PAYMENT_ACTION_REQUIRED))
    found = access(signed_in)
    assert found["reason"] == "payment_action_required"
    assert found["remedies"][0] == {
        "kind": "confirm_payment",
        "url": "http://localhost:8000/account/confirm-payment/",
    }


def test_an_ended_subscription_says_when_in_the_readers_language(signed_in: Client, mara: User) -> None:
    article()
    entitle(mara, grant(ends_at=NOON - DAY))
    assert "It ended on November 24, 2026." in access(signed_in)["notice"]["text"]
    assert "24. November 2026" in access(signed_in, headers={"Accept-Language": "de"})["notice"]["text"]
    mara.language = "de"
    mara.save()
    found = access(signed_in)
    assert found["reason"] == "subscription_ended"
    assert found["notice"]["title"] == "Ihr Abonnement ist beendet"


def test_something_else_is_upgraded(signed_in: Client, mara: User) -> None:
    article()
    entitle(mara, grant(product="culture"))
    found = access(signed_in)
    assert found["reason"] == "upgrade_required"
    assert found["notice"]["text"] == "You have Culture. This article is part of Premium."


def test_staff_read_what_is_published(mara: User) -> None:
    mara.is_staff = True
    mara.save()
    article()
    article("tomorrow", published_at=NOON + DAY)
    client = sign_in(mara)
    assert access(client)["reason"] == "staff"
    assert client.get("/api/v1/articles/tomorrow/access").json()["reason"] == "unpublished"


def test_a_site_asks_for_a_reader(site: Client, mara: User) -> None:
    article()
    entitle(mara, grant())
    assert access(site)["reason"] == "subscription_required"
    assert access(site, query_params={"reader": mara.public_id})["reason"] == "entitled"
    assert site.get(f"{URL}/access?reader=rdr_nobody").status_code == 404


def test_nobody_else_can_name_a_reader(stranger: Client, mara: User) -> None:
    article()
    entitle(mara, grant())
    assert access(stranger, query_params={"reader": mara.public_id})["reason"] == "subscription_required"


def test_a_blocked_reader_is_refused(site: Client, mara: User) -> None:
    article()
    entitle(mara, grant())
    mara.is_active = False
    mara.save()
    assert access(site, query_params={"reader": mara.public_id})["reason"] == "account_blocked"


def test_the_face_stands_beside_the_decision(stranger: Client) -> None:
    article()
    found = stranger.get(URL).json()
    assert found.pop("access")["reason"] == "subscription_required"
    assert found == {
        "id": "harbour-vote",
        "url": "http://localhost:8001/harbour-vote",
        "title": "The harbour votes",
        "section": "city",
        "kind": "",
        "tags": [],
        "authors": ["Ines Holt"],
        "published_at": "2026-11-24T12:00:00Z",
        "teaser": "<p>The harbour votes on Sunday.</p>",
        "words": 800,
    }


@pytest.mark.parametrize(
    ("fields", "reason", "remedies"),
    [
        ({"published_at": NOON + DAY}, "unpublished", [{"kind": "wait", "url": None}]),
        ({"unpublished_at": NOON}, "unpublished", []),
        ({"embargo_until": NOON + DAY}, "embargoed", [{"kind": "wait", "url": None}]),
    ],
    ids=["not yet", "no longer", "embargo"],
)
def test_what_may_not_be_shown_shows_nothing_but_its_id(
    signed_in: Client, mara: User, fields: dict[str, Any], reason: str, remedies: list[Any]
) -> None:
    entitle(mara, grant())
    article(**fields)
    found = signed_in.get(URL).json()
    decision = found.pop("access")
    assert found == {**dict.fromkeys(found), "id": "harbour-vote"}
    assert (decision["access"], decision["reason"], decision["products"]) == ("none", reason, [])
    assert decision["remedies"] == remedies
    opened = signed_in.post(f"{URL}/read")
    assert opened.json()["teaser"] is None
    assert MARKER not in opened.content.decode()
    assert "harbour votes" not in opened.content.decode()


def test_reading_gives_the_body_to_the_entitled_and_the_teaser_to_others(
    stranger: Client, signed_in: Client, mara: User
) -> None:
    article()
    refused = stranger.post(f"{URL}/read").json()
    assert "body" not in refused
    assert refused["teaser"] == "<p>The harbour votes on Sunday.</p>"
    entitle(mara, grant())
    opened = signed_in.post(f"{URL}/read").json()
    assert MARKER in opened["body"]
    assert "teaser" not in opened


def test_registered_articles_open_with_an_account(stranger: Client, signed_in: Client) -> None:
    article(demand=Demand.REGISTERED)
    assert [remedy["kind"] for remedy in access(stranger)["remedies"]] == ["log_in", "register"]
    assert access(signed_in)["reason"] == "registered"


def test_free_articles_open_to_all(stranger: Client) -> None:
    article(demand=Demand.FREE)
    assert MARKER in stranger.post(f"{URL}/read").json()["body"]


def test_many_at_once_in_the_order_asked(signed_in: Client, mara: User) -> None:
    article()
    article("tide-tables", demand=Demand.FREE)
    entitle(mara, grant())
    answer = signed_in.post(
        "/api/v1/access",
        {"articles": ["tide-tables", "nobody-wrote-this", "harbour-vote", "tide-tables"]},
        content_type="application/json",
    )
    assert answer.status_code == 200
    found = answer.json()
    assert [(each["article"], each["reason"]) for each in found["decisions"]] == [
        ("tide-tables", "free"),
        ("harbour-vote", "entitled"),
    ]
    assert found["unknown"] == ["nobody-wrote-this"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"articles": "harbour-vote"},
        {"articles": ["x"] * 101},
        {"articles": [], "reader": "rdr_1"},
        {"articles": ["\x00"]},
        {"articles": [{"id": "x"}]},
        {"articles": [7]},
    ],
    ids=["nothing", "no list", "too many", "unknown field", "nul", "no text", "a number"],
)
def test_a_batch_that_makes_no_sense_is_refused(stranger: Client, body: dict[str, Any]) -> None:
    answer = stranger.post("/api/v1/access", body, content_type="application/json")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"] == "application/problem+json"


def test_an_article_nobody_stated_is_404(stranger: Client) -> None:
    for answer in (stranger.get(URL), stranger.get(f"{URL}/access"), stranger.post(f"{URL}/read")):
        assert answer.status_code == 404
        assert answer.json()["code"] == "article_unknown"


def test_a_wrong_token_is_never_anonymous(stranger: Client) -> None:
    article(demand=Demand.FREE)
    answer = stranger.get(URL, headers={"Authorization": "Bearer made-up"})
    assert answer.status_code == 401


def test_every_answer_is_private_and_varies_by_all_that_names_a_person(
    stranger: Client, signed_in: Client
) -> None:
    article()
    for client in (stranger, signed_in):
        for answer in (
            client.get(URL),
            client.get(f"{URL}/access"),
            client.post(f"{URL}/read"),
            client.post("/api/v1/access", {"articles": ["harbour-vote"]}, content_type="application/json"),
            client.get("/api/v1/access/check", headers={"X-Original-URI": "/harbour-vote"}),
            client.get("/api/v1/articles"),
            client.get(f"{URL}/explain"),
            client.get("/api/v1/articles/nobody-wrote-this/access"),
            client.get(URL, headers={"Authorization": "Bearer made-up"}),
        ):
            assert answer.headers["Cache-Control"] == "private, no-store"
            assert {name.strip().lower() for name in answer.headers["Vary"].split(",")} == VARY
            assert "ETag" not in answer.headers
            assert "Last-Modified" not in answer.headers


def test_a_new_device_gets_its_cookie_and_a_known_one_keeps_it(stranger: Client) -> None:
    article()
    assert "device" in stranger.get(f"{URL}/access").cookies
    assert "device" not in stranger.get(f"{URL}/access").cookies


def test_no_repr_holds_the_body_so_that_no_trace_and_no_collector_of_errors_does(mara: User) -> None:
    entitle(mara, grant())
    reading = read(Identity(mara), article(), now=NOON)
    assert MARKER in (reading.body or "")
    assert MARKER not in repr(reading)
