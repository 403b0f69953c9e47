"""The pages of groups: an owner invites and removes, a reader follows the link, with an account or before."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.test import Client

from accounts import clock
from accounts.models import Mail, User
from billing import groups
from billing.models import Seat
from paywall import entitlements
from tests.billing.groups import a_family, seat_of, token_for
from tests.billing.market import Market
from tests.factories.accounts import a_reader

pytestmark = pytest.mark.usefixtures("market")

JOIN = "/account/group/join/"


@pytest.fixture
def owner(market: Market) -> User:
    owner, _nobody = a_family(market)
    return owner


def browser(reader: User) -> Client:
    opened = Client()
    opened.force_login(reader)
    return opened


def words(answer: Any) -> str:
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def token(owner: User, market: Market, email: str = "friend@example.org") -> str:
    groups.invite(owner, email, now=market.now)
    return token_for(email)


def look(site: Client, token: str) -> Any:
    return site.get(JOIN, {"token": token})


def take(site: Client, token: str) -> Any:
    return site.post(JOIN, {"token": token})


def reads(reader: User) -> bool:
    now = clock.now()
    return any(grant.standing(at=now).opens for grant in entitlements.snapshot(reader, now=now))


def test_an_owner_invites_sends_again_and_withdraws(owner: User) -> None:
    site = browser(owner)
    answer = site.post("/account/group/", {"email": "Friend@example.org"})
    assert answer.status_code == 303
    page = site.get("/account/group/").content.decode()
    assert "friend@example.org" in page
    assert "2 of 5 places taken" in page
    site.post("/account/group/", {"email": "friend@example.org"})
    assert Seat.objects.get().sends == 2
    site.post("/account/group/remove/", {"seat": Seat.objects.get().pk})
    assert "1 of 5 places taken" in site.get("/account/group/").content.decode()
    assert "Invite and see who reads" in site.get("/account/").content.decode()


@pytest.mark.parametrize("typed", ["", "nobody", "a@example.org, b@example.org", "a" * 300 + "@example.org"])
def test_what_is_no_address_is_said_to_be_none(owner: User, typed: str) -> None:
    answer = browser(owner).post("/account/group/", {"email": typed})
    assert answer.status_code == 303
    assert words(answer) == "Please type one e-mail address."
    assert not Seat.objects.exists()


def test_known_and_unknown_addresses_look_the_same(owner: User) -> None:
    known = a_reader()
    answers = [
        words(browser(owner).post("/account/group/", {"email": email})).replace(email, "x")
        for email in (known.email, "unknown@example.org")
    ]
    assert answers[0] == answers[1]
    first, second = (
        Mail.objects.get(to=email).text.replace(token_for(email), "x")
        for email in (known.email, "unknown@example.org")
    )
    assert first == second


def test_looking_at_an_invitation_spends_nothing_and_tells_no_other_site(owner: User, market: Market) -> None:
    offered = token(owner, market)
    for _scanner in range(3):
        page = look(Client(), offered)
        assert page.status_code == 200
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["Cache-Control"] == "private, no-store"
        assert owner.email in page.content.decode()
        assert Client().head(JOIN, {"token": offered}).status_code == 200
    assert Seat.objects.offered(now=market.now).count() == 1


def test_a_reader_takes_the_place_reads_and_leaves(owner: User, market: Market) -> None:
    offered, reader = token(owner, market), a_reader()
    site = browser(reader)
    assert "Take the place" in look(site, offered).content.decode()
    assert take(site, offered).status_code == 303
    assert take(site, offered).status_code == 303  # a double click
    assert reads(reader)
    assert look(site, offered).headers["Location"].endswith("/account/")
    overview = site.get("/account/").content.decode()
    assert f"The group of {owner.email}" in overview
    assert "no subscription yet" not in overview
    site.post("/account/group/leave/", {"seat": seat_of(reader).pk})
    assert not reads(reader)
    assert "The group of" not in site.get("/account/").content.decode()


def test_a_place_is_taken_by_the_form_and_not_by_its_address(owner: User, market: Market) -> None:
    offered = token(owner, market)
    assert browser(a_reader()).post(f"{JOIN}?token={offered}").status_code == 404
    assert Seat.objects.offered(now=market.now).exists()


def test_whoever_is_not_signed_in_is_led_there_and_back(owner: User, market: Market) -> None:
    offered = token(owner, market)
    back = f"next=%2Faccount%2Fgroup%2Fjoin%2F%3Ftoken%3D{offered}"
    stranger = Client()
    answer = take(stranger, offered)
    assert answer.status_code == 303
    assert answer.headers["Location"] == f"/account/login/?{back}"
    assert f"/account/signup/?{back}" in look(stranger, offered).content.decode()
    assert Seat.objects.offered(now=market.now).exists()


@pytest.mark.parametrize("unknown", ["", "x", "0" * 32, "ü"])
def test_what_is_no_invitation_is_not_there(owner: User, unknown: str) -> None:
    for site in (Client(), browser(owner)):
        for answer in (look(site, unknown), take(site, unknown)):
            assert answer.status_code == 404
            assert answer.headers["Referrer-Policy"] == "same-origin"


def test_a_used_invitation_is_over_for_everybody_else(owner: User, market: Market) -> None:
    offered, reader = token(owner, market), a_reader()
    take(browser(reader), offered)
    for site in (Client(), browser(a_reader())):
        assert look(site, offered).status_code == 404
    assert take(browser(a_reader()), offered).status_code == 404


def test_an_owner_is_told_that_the_first_place_is_theirs(owner: User, market: Market) -> None:
    answer = take(browser(owner), token(owner, market))
    assert "your own group" in words(answer)


def test_whoever_has_no_group_is_sent_to_their_overview(market: Market) -> None:
    site = browser(a_reader())
    assert site.get("/account/group/").headers["Location"].endswith("/account/")
    for path in ("/account/group/", "/account/group/remove/", "/account/group/leave/"):
        answer = site.post(path, {"email": "friend@example.org", "seat": "1"})
        assert answer.status_code == 303
    assert not Seat.objects.exists()


def test_no_token_is_logged(owner: User, market: Market, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        offered, reader = token(owner, market), a_reader()
        forged = Client(enforce_csrf_checks=True)
        forged.force_login(reader)
        assert take(forged, offered).status_code == 403
        look(browser(reader), offered)
        take(browser(reader), offered)
        take(browser(a_reader()), offered)
    ours = " ".join(
        record.getMessage() for record in caplog.records if not record.name.startswith("django.db")
    )
    assert "Forbidden" in ours
    assert offered not in ours
