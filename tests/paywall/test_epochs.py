"""Epochs: raised by whatever changes or withdraws what a reader may read, told to edges within seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as configured
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import closing, sessions
from accounts.models import User
from paywall import entitlements, epochs, keys, tokens, verifier
from paywall.models import AccessEpoch
from paywall.verifier import Flaw, Refused, Trust, verify
from tests.factories.accounts import a_member_of_staff
from tests.factories.paywall import DAY, NOON, entitle, grant, product, reader
from tests.paywall.conftest import SITE, sign_in
from tests.proofs.races.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

FEED = "/api/v1/access/epochs"
NEWS, HOME = "http://localhost:8001", "http://localhost:8000"
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)


def number(who: User) -> int:
    return AccessEpoch.objects.filter(reader=who).values_list("number", flat=True).first() or 0


def feed(site: Client, **query: str) -> Any:
    answer = site.get(FEED, {"site": NEWS, **query})
    assert answer.status_code == 200, answer.content
    return answer.json()


def is_honoured(token: str, site: Client) -> bool:
    """Tell what an edge makes of a token that has just read the feed."""
    told = feed(site)
    known = verifier.keys_of({"keys": list(keys.published(now=NOON))})
    lowest = {each["sub"]: each["epoch"] for each in told["epochs"]}
    trust = Trust(issuer=HOME, audience=NEWS, keys=known, epochs=lowest)
    try:
        verify(token, trust=trust, now=int(NOON.timestamp()))
    except Refused as refused:
        if refused.flaw is not Flaw.EPOCH:
            raise
        return False
    return True


def _sign_out(who: User) -> None:
    sign_in(who).post("/account/logout/")


def _sign_out_elsewhere(who: User) -> None:
    sign_in(who).post("/account/sessions/", {"end": "others"})


def _end_one(who: User) -> None:
    here, there = sign_in(who), sign_in(who)
    (other,) = (one.id for one in sessions.of(who, current=here.session, now=NOON) if not one.is_current)
    assert there.session
    here.post("/account/sessions/", {"end": other})


def _end_one_by_the_api(who: User) -> None:
    here = sign_in(who)
    sign_in(who)
    (other,) = (one.id for one in sessions.of(who, current=here.session, now=NOON) if not one.is_current)
    here.delete("/_allauth/browser/v1/auth/sessions", {"sessions": [other]}, content_type="application/json")


def _staff_sign_them_out(who: User) -> None:
    chosen = {"action": "sign_out_everywhere", "_selected_action": [who.pk]}
    sign_in(a_member_of_staff()).post("/admin/accounts/user/", chosen)


def _staff_block_them(who: User) -> None:
    desk = reader("desk@readers.example", is_staff=True)
    desk.user_permissions.set(Permission.objects.filter(codename__in=["view_user", "change_user"]))
    sign_in(desk).post(f"/admin/accounts/user/{who.pk}/change/", {"language": ""})
    who.refresh_from_db()
    assert not who.is_active


def _change_their_password(who: User) -> None:
    who.set_password("correct horse battery")
    who.save()
    new = {
        "oldpassword": "correct horse battery",
        "password1": "staple horse battery",
        "password2": "staple horse battery",
    }
    assert sign_in(who).post("/account/password/change/", new).status_code == 302


def _refund(who: User) -> None:
    entitlements.replace(who, source="subscription:sub_1", grants=(), now=NOON)


def _close(who: User) -> None:
    closing.close(who, now=NOON)


class TestWhatVoidsTokens:
    @pytest.mark.parametrize(
        "act",
        [
            _refund, _sign_out, _sign_out_elsewhere, _end_one, _end_one_by_the_api, _staff_sign_them_out,
            _staff_block_them, _change_their_password, _close,
        ],
    )  # fmt: skip
    def test_a_token_from_before_is_refused_at_the_edge(
        self, act: Callable[[User], None], mara: User, site: Client
    ) -> None:
        entitle(mara, grant())
        token = tokens.mint(mara, site=NEWS, now=NOON).token
        assert is_honoured(token, site)
        act(mara)
        assert not is_honoured(token, site)

    def test_one_from_after_counts(self, mara: User, site: Client) -> None:
        entitle(mara, grant())
        _sign_out(mara)
        assert is_honoured(tokens.mint(mara, site=NEWS, now=NOON).token, site)

    def test_another_reader_s_is_not_touched(self, mara: User, site: Client) -> None:
        token = tokens.mint(mara, site=NEWS, now=NOON).token
        other = reader("other@readers.example")
        entitle(other, grant())
        _sign_out(other)
        assert is_honoured(token, site)

    def test_what_is_stated_again_as_it_was_voids_nothing(self, mara: User) -> None:
        entitle(mara, grant())
        before = number(mara)
        entitle(mara, grant())
        assert number(mara) == before

    def test_signing_in_voids_nothing(self, mara: User) -> None:
        sign_in(mara)
        assert number(mara) == 0


class TestRaising:
    def test_is_one_statement_from_the_second_time_on(
        self, mara: User, django_assert_num_queries: Any
    ) -> None:
        epochs.raise_for(mara, now=NOON)
        with django_assert_num_queries(1):
            epochs.raise_for(mara, now=NOON)
        assert number(mara) == 2

    def test_belongs_to_the_change_that_it_tells_of(self, mara: User) -> None:
        product()
        with CaptureQueriesContext(connection) as captured:
            entitlements.replace(mara, source="comp:7", grants=(grant(source="comp:7"),), now=NOON)
        told = [query["sql"] for query in captured.captured_queries]
        first = next(
            at for at, sql in enumerate(told) if "INSERT INTO" in sql and "paywall_accessepoch" in sql
        )
        assert first > next(
            at for at, sql in enumerate(told) if "INSERT INTO" in sql and "entitlement" in sql
        )
        assert not any(sql.startswith("COMMIT") for sql in told[:first])

    @pytest.mark.django_db(transaction=True)
    def test_counts_each_of_many_at_the_same_moment(self, mara: User) -> None:
        at_once(*[lambda: epochs.raise_for(mara, now=NOON)] * 6)
        assert number(mara) == 6


class TestTheFeed:
    def test_names_nobody(self, mara: User, site: Client) -> None:
        entitle(mara, grant(), now=NOON)
        told = feed(site)
        said = jwt.decode(tokens.mint(mara, site=NEWS, now=NOON).token, options={"verify_signature": False})
        assert told["epochs"] == [{"sub": said["sub"], "epoch": 1}]
        assert mara.public_id not in str(told)

    def test_names_the_keys_that_count(self, site: Client) -> None:
        leaked = keys.signer(now=NOON).kid
        assert feed(site)["keys"] == [leaked]
        another = keys.withdraw(leaked, now=NOON)
        assert feed(site)["keys"] == [another]

    def test_forgets_what_is_older_than_a_token(self, mara: User, site: Client) -> None:
        epochs.raise_for(mara, now=NOON - 12 * MINUTE - SECOND)
        assert feed(site)["epochs"] == []
        epochs.raise_for(mara, now=NOON - 11 * MINUTE)
        assert len(feed(site)["epochs"]) == 1

    def test_goes_on_where_it_was_and_a_little_before(self, site: Client) -> None:
        """What was written with an older moment and committed since is not missed."""
        early, late = reader("a@readers.example"), reader("b@readers.example")
        epochs.raise_for(early, now=NOON - 5 * MINUTE)
        told = feed(site)
        assert (len(told["epochs"]), told["more"]) == (1, False)
        epochs.raise_for(late, now=NOON - MINUTE)
        again = feed(site, since=told["next"])
        assert [each["sub"] for each in again["epochs"]] == [epochs.subject(late, audience=NEWS)]

    def test_comes_in_pages_and_tells_everybody_of_one_moment(self) -> None:
        crowd = [reader(f"r{count}@readers.example") for count in range(5)]
        AccessEpoch.objects.bulk_create(AccessEpoch(reader=each, raised_at=NOON) for each in crowd)
        seen, place = [], None
        for _ in range(9):
            page = _small_page(place)
            seen += page.epochs
            place = page.next
            if not page.more:
                break
        assert {each.sub for each in seen} == {epochs.subject(each, audience=NEWS) for each in crowd}
        assert len(seen) == 5

    def test_is_for_sites(self, stranger: Client, signed_in: Client) -> None:
        assert stranger.get(FEED, {"site": NEWS}).status_code == 401
        assert signed_in.get(FEED, {"site": NEWS}).status_code == 403

    @pytest.mark.parametrize(
        "query",
        [
            {},
            {"site": "https://elsewhere.example"},
            {"site": NEWS, "since": "nothing"},
            {"site": NEWS, "since": "MjAyNi0xMS0yNVQxMjowMDowMHwx"},  # no time zone
            {"site": NEWS, "since": "MDAwMS0wMS0wMVQwMDowMDowMCsxNDowMHwx"},  # before the first year
            {"site": NEWS, "since": "MjAyNi0xMS0yNVQxMjowMDowMFp8OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5"},
            {"site": NEWS, "since": "MjAyNi0xMS0yNVQxMjowMDowMFp8LTE"},
            {"site": NEWS, "since": "é"},
        ],
    )
    def test_nonsense_is_refused(self, site: Client, query: dict[str, str]) -> None:
        assert site.get(FEED, query).status_code == 400

    @pytest.mark.parametrize("moment", [NOON - 900 * DAY, NOON + 900 * DAY], ids=["long ago", "to come"])
    def test_a_place_out_of_time_is_brought_back(self, mara: User, moment: Any) -> None:
        epochs.raise_for(mara, now=NOON - MINUTE)
        page = epochs.since(epochs.Place(moment), audience=NEWS, now=NOON)
        assert len(page.epochs) == 1
        assert page.next.raised_at <= NOON

    def test_while_the_secret_is_rolled_both_names_are_told(
        self, mara: User, settings: Any, site: Client
    ) -> None:
        entitle(mara, grant())
        before = tokens.mint(mara, site=NEWS, now=NOON).token
        settings.SECRET_KEY_FALLBACKS = [configured.SECRET_KEY]
        settings.SECRET_KEY = "another-key-for-tests-only-another-key-for-tests-only"
        after = tokens.mint(mara, site=NEWS, now=NOON).token
        _refund(mara)
        assert not is_honoured(before, site)
        assert not is_honoured(after, site)

    def test_is_kept_by_nobody_and_costs_two_statements(self, mara: User) -> None:
        keys.signer(now=NOON)
        epochs.raise_for(mara, now=NOON)
        with CaptureQueriesContext(connection) as captured:
            answer = Client(headers=SITE).get(FEED, {"site": NEWS})
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert len(captured) == 2


def _small_page(place: epochs.Place | None) -> epochs.Page:
    return epochs.since(place, audience=NEWS, now=NOON, size=2)
