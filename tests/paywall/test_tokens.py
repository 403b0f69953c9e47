"""Access tokens: for readers, for one site, on what they hold, never longer than they hold it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import User
from paywall import keys, tokens, verifier
from paywall.decision.facts import Grant, Suspension
from paywall.decision.holdings import holds_until, open_products
from paywall.errors import AccountBlocked, SiteUnknown
from paywall.verifier import LONGEST_LIFE, Flaw, Pass, Refused, Trust, verify
from tests.factories.paywall import DAY, NOON, entitle, failed, grant, in_grace, reader
from tests.paywall.conftest import SITE, sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

TOKEN = "/api/v1/access/token"
NEWS, HOME = "http://localhost:8001", "http://localhost:8000"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def ask(client: Client, *, site: str | None = NEWS, query: str = "", **headers: str) -> Any:
    body = {"site": site} if site is not None else {}
    return client.post(f"{TOKEN}{query}", body, content_type="application/json", headers=headers)


def claims(answer: Any) -> dict[str, Any]:
    """Return what a token says, unchecked."""
    assert answer.status_code == 200, answer.content
    return dict(jwt.decode(answer.json()["token"], options={"verify_signature": False}))


def minted(who: User, *, now: datetime = NOON) -> dict[str, Any]:
    token = tokens.mint(who, site=NEWS, now=now)
    return dict(jwt.decode(token.token, options={"verify_signature": False}))


def checked(token: str, *, audience: str = NEWS, now: datetime = NOON, **trust: Any) -> Pass:
    known = verifier.keys_of({"keys": list(keys.published(now=NOON))})
    trusted = Trust(issuer=HOME, audience=audience, keys=known, **trust)
    return verify(token, trust=trusted, now=int(now.timestamp()))


class TestAsking:
    def test_a_subscriber_is_given_what_an_edge_needs_to_let_them_in(self, mara: User) -> None:
        entitle(mara, grant())
        answer = ask(sign_in(mara))
        told = checked(answer.json()["token"])
        assert (told.products, told.epoch) == ({"premium"}, 1)
        assert told.opens(["culture", "premium"])
        assert not told.opens(["culture"])
        assert not told.opens([])
        assert answer.json()["expires_at"] == "2026-11-25T12:10:00Z"

    def test_the_token_is_kept_by_nobody_on_the_way(self, mara: User) -> None:
        answer = ask(sign_in(mara))
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "Cookie" in answer.headers["Vary"]
        assert "ETag" not in answer.headers

    def test_it_says_no_more_than_it_must(self, mara: User) -> None:
        said = claims(ask(sign_in(mara)))
        assert set(said) == {"iss", "aud", "sub", "products", "epoch", "iat", "nbf", "exp", "jti"}
        assert not {mara.public_id, mara.email, str(mara.pk)} & {str(value) for value in said.values()}

    def test_its_header_says_what_it_is(self, mara: User) -> None:
        header = jwt.get_unverified_header(ask(sign_in(mara)).json()["token"])
        assert header == {"alg": "ES256", "typ": "access-pass+jwt", "kid": keys.signer(now=NOON).kid}

    def test_a_reader_who_holds_nothing_is_known_all_the_same(self, signed_in: Client) -> None:
        assert claims(ask(signed_in))["products"] == []

    def test_a_stranger_signs_in_first(self, stranger: Client) -> None:
        answer = ask(stranger)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")

    def test_whoever_is_blocked_is_given_none(self, mara: User, site: Client) -> None:
        entitle(mara, grant())
        client = sign_in(mara)
        User.objects.update(is_active=False)
        assert ask(client).status_code == 401  # the session means nothing any more
        answer = ask(site, query=f"?reader={mara.public_id}")
        assert (answer.status_code, answer.json()["code"]) == (403, "account_blocked")

    def test_staff_are_given_what_they_hold_themselves(self) -> None:
        desk = reader("desk@readers.example", is_staff=True)
        assert claims(ask(sign_in(desk)))["products"] == []

    def test_a_site_says_for_whom(self, site: Client, mara: User) -> None:
        entitle(mara, grant())
        assert claims(ask(site, query=f"?reader={mara.public_id}"))["products"] == ["premium"]
        assert ask(site).status_code == 403
        assert ask(site, query="?reader=rdr_nobody").status_code == 404

    def test_nobody_else_may_say_for_whom(self, signed_in: Client, mara: User) -> None:
        other = reader("other@readers.example")
        assert claims(ask(signed_in, query=f"?reader={other.public_id}"))["sub"] == minted(mara)["sub"]


class TestSites:
    def test_a_browser_means_the_site_that_it_is_on(self, signed_in: Client) -> None:
        assert claims(ask(signed_in, site=None, Origin=NEWS))["aud"] == NEWS
        assert claims(ask(signed_in, site=None, Origin=HOME))["aud"] == HOME

    def test_our_own_pages_and_servers_may_say_another(self, signed_in: Client) -> None:
        assert claims(ask(signed_in, site=NEWS, Origin=HOME))["aud"] == NEWS
        assert claims(ask(signed_in, site=NEWS))["aud"] == NEWS

    @pytest.mark.parametrize(
        ("site", "headers"),
        [
            pytest.param(None, {}, id="nobody says"),
            pytest.param("https://elsewhere.example", {}, id="no site of ours"),
            pytest.param("http://localhost:8001/", {}, id="not as it is configured"),
            pytest.param("http://LOCALHOST:8001", {}, id="in capitals"),
            pytest.param("http://localhost:8001.elsewhere.example", {}, id="longer"),
            pytest.param("", {}, id="empty"),
            pytest.param("null", {}, id="null"),
            pytest.param("x" * 5000, {}, id="endless"),
            pytest.param(HOME, {"Origin": NEWS}, id="a page on another site"),
            pytest.param(None, {"Origin": "null"}, id="a page on no site"),
        ],
    )
    def test_any_other_is_refused(self, signed_in: Client, site: str | None, headers: dict[str, str]) -> None:
        assert ask(signed_in, site=site, **headers).status_code == 400

    @pytest.mark.parametrize("site", [7, ["http://localhost:8001"], None, {"a": 1}])
    def test_and_so_is_what_is_no_text(self, signed_in: Client, site: Any) -> None:
        answer = signed_in.post(TOKEN, {"site": site}, content_type="application/json")
        assert answer.status_code == 400

    def test_an_unknown_field_is_refused(self, signed_in: Client) -> None:
        answer = signed_in.post(TOKEN, {"site": NEWS, "products": ["all"]}, content_type="application/json")
        assert answer.status_code == 400

    def test_a_reader_has_another_name_on_each(self, mara: User) -> None:
        names = {
            jwt.decode(tokens.mint(mara, site=site, now=NOON).token, options={"verify_signature": False})[
                "sub"
            ]
            for site in (NEWS, HOME)
        }
        assert len(names) == 2

    def test_a_token_for_one_opens_nothing_on_another(self, mara: User) -> None:
        token = tokens.mint(mara, site=NEWS, now=NOON).token
        with pytest.raises(Refused) as refused:
            checked(token, audience=HOME)
        assert refused.value.flaw is Flaw.AUDIENCE

    def test_a_domain_call_refuses_as_well(self, mara: User) -> None:
        with pytest.raises(SiteUnknown):
            tokens.mint(mara, site="https://elsewhere.example", now=NOON)


class TestHowLong:
    def test_ten_minutes(self, mara: User) -> None:
        entitle(mara, grant())
        said = minted(mara)
        assert said["exp"] - said["iat"] == 600
        assert said["iat"] == said["nbf"] == NOON.timestamp()

    @pytest.mark.parametrize(
        ("held", "lasts"),
        [
            pytest.param([grant(ends_at=NOON + MINUTE)], MINUTE, id="the term ends"),
            pytest.param([in_grace(grace_until=NOON + MINUTE)], MINUTE, id="the grace ends"),
            pytest.param(
                [grant(ends_at=NOON + MINUTE, grace_until=NOON + DAY)], 10 * MINUTE, id="grace follows"
            ),
            pytest.param(
                [grant(ends_at=NOON + MINUTE), grant(source="comp:1", ends_at=NOON + DAY)],
                10 * MINUTE,
                id="another right to the same product lasts longer",
            ),
            pytest.param(
                [grant(ends_at=NOON + DAY), grant(product="culture", source="comp:1", ends_at=NOON + MINUTE)],
                MINUTE,
                id="the first of two products ends",
            ),
            pytest.param([grant(ends_at=None)], 10 * MINUTE, id="no end"),
            pytest.param([grant(ends_at=NOON + 1.5 * SECOND)], SECOND, id="whole seconds, rounded down"),
        ],
    )
    def test_or_until_the_first_right_ends(self, mara: User, held: list[Grant], lasts: timedelta) -> None:
        entitle(mara, *held)
        assert minted(mara)["exp"] == (NOON + lasts).timestamp()

    @pytest.mark.parametrize(
        "held",
        [
            failed(),
            grant(ends_at=NOON),
            grant(starts_at=NOON + MINUTE),
            grant(suspension=Suspension.PAUSED),
        ],
        ids=["card failed", "ended", "to come", "paused"],
    )
    def test_what_does_not_open_is_not_in_it(self, mara: User, held: Grant) -> None:
        entitle(mara, held)
        assert minted(mara)["products"] == []

    def test_it_ends_to_the_second(self, mara: User) -> None:
        entitle(mara, grant(ends_at=NOON + MINUTE))
        token = tokens.mint(mara, site=NEWS, now=NOON).token
        assert checked(token, now=NOON + MINUTE - SECOND)
        with pytest.raises(Refused) as refused:
            checked(token, now=NOON + MINUTE)
        assert refused.value.flaw is Flaw.EXPIRED


_moments = st.integers(0, 40).map(lambda minutes: NOON - 20 * MINUTE + minutes * MINUTE)


@st.composite
def _grants(draw: st.DrawFn) -> Grant:
    first, second, third = sorted(draw(st.tuples(_moments, _moments, _moments)))
    return Grant(
        product=draw(st.sampled_from(["premium", "culture"])),
        source="s",
        starts_at=first,
        ends_at=draw(st.sampled_from([None, second])),
        grace_until=draw(st.sampled_from([None, third])),
        suspension=draw(st.sampled_from([None, Suspension.PAUSED, Suspension.PAYMENT_FAILED])),
        resumes_at=draw(st.sampled_from([None, second, third])),
    )


@given(st.lists(_grants(), max_size=4))
def test_law_until_then_nothing_is_lost_and_then_something_is(held: list[Grant]) -> None:
    until = holds_until(held, at=NOON)
    opened = open_products(held, at=NOON)
    for minute in range(1, 41):
        at = NOON + minute * MINUTE
        if until is None or at < until:
            assert opened <= open_products(held, at=at)
    if until is not None:
        assert not opened <= open_products(held, at=until)


class TestWhatAttackersTry:
    def test_what_changes_while_it_is_made_voids_it(self, mara: User) -> None:
        """The epoch is read before what it stands for, in one statement with whether the account is in order."""
        entitle(mara, grant())
        keys.signer(now=NOON)
        with CaptureQueriesContext(connection) as captured:
            tokens.mint(mara, site=NEWS, now=NOON)
        order = [
            next(name for name in ("accessepoch", "entitlement", "signingkey") if name in query["sql"])
            for query in captured.captured_queries
        ]
        assert order == ["accessepoch", "entitlement", "signingkey"]
        assert "is_active" in captured.captured_queries[0]["sql"]

    def test_blocked_between_signing_in_and_asking(self, mara: User) -> None:
        User.objects.update(is_active=False)
        assert mara.is_active  # as the request still thinks
        with pytest.raises(AccountBlocked):
            tokens.mint(mara, site=NEWS, now=NOON)

    def test_a_withdrawn_key_opens_nothing_once_the_keys_are_fetched_again(self, mara: User) -> None:
        token = tokens.mint(mara, site=NEWS, now=NOON).token
        keys.withdraw(jwt.get_unverified_header(token)["kid"], now=NOON)
        with pytest.raises(Refused) as refused:
            checked(token)
        assert refused.value.flaw is Flaw.KEY

    def test_a_token_is_no_session_and_a_session_token_no_pass(self, mara: User, stranger: Client) -> None:
        token = tokens.mint(mara, site=NEWS, now=NOON).token
        for headers in ({"Authorization": f"Bearer {token}"}, {"X-Session-Token": token}):
            assert ask(stranger, **headers).status_code == 401
        with pytest.raises(Refused):
            checked("a" * 32)

    def test_neither_a_token_nor_a_key_shows_in_words(self, mara: User) -> None:
        token = tokens.mint(mara, site=NEWS, now=NOON)
        assert token.token not in repr(token)

    def test_a_form_of_another_site_gets_none(self, mara: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.cookies = sign_in(mara).cookies
        assert ask(client).status_code == 403

    def test_every_token_has_a_number_of_its_own(self, mara: User) -> None:
        assert len({minted(mara)["jti"] for _ in range(20)}) == 20


def test_it_costs_session_account_epoch_rights_and_key(mara: User) -> None:
    entitle(mara, grant())
    client = sign_in(mara)
    ask(client)
    with CaptureQueriesContext(connection) as captured:
        ask(client)
    assert len(captured) == 5, [query["sql"] for query in captured.captured_queries]


def test_a_site_key_may_ask_too(mara: User) -> None:
    assert ask(Client(headers=SITE), query=f"?reader={mara.public_id}").status_code == 200


def test_a_token_lives_no_longer_than_an_edge_would_believe(mara: User) -> None:
    said = minted(mara)
    assert said["exp"] - said["iat"] <= LONGEST_LIFE.total_seconds()
