"""Free reads: counted once per article, spent once, merged at sign-in, receipted."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.identity import Identity
from accounts.models import User
from paywall import metering
from paywall.decision.article import Demand
from paywall.decision.meter import CalendarMonth, MeterTerms, Rolling
from paywall.models import FreeRead, Wallet
from tests.factories.paywall import DAY, NOON, article, entitle, failed, grant, meter, reader
from tests.paywall.conftest import sign_in
from tests.proofs.races.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

MONTH = MeterTerms(stranger_limit=3, reader_limit=5, window=CalendarMonth())
WEEK = MeterTerms(stranger_limit=3, reader_limit=5, window=Rolling(7))
SOMEBODY = Identity(None, device="device-1")


def read(client: Client, article_id: str) -> Any:
    return client.post(f"/api/v1/articles/{article_id}/read").json()


def used(identity: Identity, *, terms: MeterTerms = MONTH, now: Any = NOON) -> int:
    return metering.read_many(identity, ("-",), terms=terms, now=now)["-"].used(at=now)


def sign_in_here(client: Client, who: User) -> None:
    """Sign in on the very device that has been reading."""
    answer = client.post("/account/login/", {"login": who.email, "password": "correct horse battery"})
    assert answer.status_code == 302


class TestReading:
    def test_spends_one_for_each_article_and_tells_what_is_left(self, stranger: Client) -> None:
        meter()
        for name in "abcd":
            article(name, demand="")
        told = [read(stranger, name) for name in "abc"]
        assert [each["reason"] for each in told] == ["metered"] * 3
        assert [each["meter"]["remaining"] for each in told] == [2, 1, 0]
        assert told[0]["meter"] == {
            "limit": 3, "used": 1, "remaining": 2, "resets_at": "2026-12-01T00:00:00Z",
        }  # fmt: skip
        assert told[0]["notice"]["title"]
        refused = read(stranger, "d")
        assert (refused["reason"], refused["access"]) == ("meter_exhausted", "teaser")
        assert "body" not in refused
        assert refused["until"] == "2026-12-01T00:00:00Z"
        assert [each["kind"] for each in refused["remedies"]] == ["log_in", "register", "subscribe"]

    def test_again_is_free(self, stranger: Client) -> None:
        meter(stranger_reads=1)
        article(demand="")
        assert [read(stranger, "harbour-vote")["meter"]["used"] for _ in range(3)] == [1, 1, 1]
        assert FreeRead.objects.count() == 1

    def test_by_asking_only_spends_nothing(self, stranger: Client) -> None:
        meter()
        article(demand="")
        for path in ("/api/v1/articles/harbour-vote", "/api/v1/articles/harbour-vote/access"):
            stranger.get(path)
        stranger.post("/api/v1/access", {"articles": ["harbour-vote"]}, content_type="application/json")
        assert not FreeRead.objects.exists()

    def test_at_the_proxy_s_check_spends_too_and_once(self, stranger: Client) -> None:
        meter(stranger_reads=1)
        article("a", demand="")
        article("b", demand="")
        check = partial(stranger.get, "/api/v1/access/check")
        assert [check(HTTP_X_ORIGINAL_URI=f"/{name}").status_code for name in "aab"] == [204, 204, 401]

    def test_a_batch_tells_of_each_article(self, stranger: Client) -> None:
        meter(stranger_reads=1)
        for name in "ab":
            article(name, demand="")
        read(stranger, "a")
        asked = {"articles": ["a", "b"]}
        told = stranger.post("/api/v1/access", asked, content_type="application/json").json()["decisions"]
        assert [each["reason"] for each in told] == ["metered", "meter_exhausted"]

    def test_a_subscriber_never_spends(self, mara: User) -> None:
        meter()
        article(demand="")
        entitle(mara, grant())
        told = read(sign_in(mara), "harbour-vote")
        assert (told["reason"], told["meter"]) == ("entitled", None)
        assert not Wallet.objects.exists()

    def test_whose_card_failed_reads_on_and_is_told_to_fix_it(self, mara: User) -> None:
        meter()
        article(demand="")
        entitle(mara, failed())
        told = read(sign_in(mara), "harbour-vote")
        assert (told["reason"], told["remedies"][0]["kind"]) == ("metered", "fix_card")
        assert "0341" in told["notice"]["text"]

    def test_what_is_not_metered_spends_nothing(self, stranger: Client) -> None:
        meter()
        article(demand=Demand.SUBSCRIBER)
        assert read(stranger, "harbour-vote")["reason"] == "subscription_required"
        assert not FreeRead.objects.exists()

    def test_a_site_that_names_nobody_gets_nothing(self, site: Client) -> None:
        meter()
        article(demand="")
        assert read(site, "harbour-vote")["access"] == "teaser"
        assert site.get("/api/v1/articles/harbour-vote/access").json()["access"] == "teaser"


def test_a_read_of_a_request_that_was_faster_counts() -> None:
    for number in range(3):
        metering.spend(SOMEBODY, f"a{number}", terms=MONTH, now=NOON + timedelta(seconds=1))
    assert not metering.spend(SOMEBODY, "b", terms=MONTH, now=NOON).has_counted(at=NOON)


class TestWindows:
    def test_a_calendar_month_begins_at_the_publishers_midnight(self) -> None:
        berlin = MeterTerms(3, 5, CalendarMonth("Europe/Berlin"))
        last_hour = NOON.replace(day=30, hour=22, minute=59)
        metering.spend(SOMEBODY, "a", terms=berlin, now=last_hour)
        assert used(SOMEBODY, terms=berlin, now=last_hour) == 1
        assert used(SOMEBODY, terms=berlin, now=last_hour + timedelta(minutes=1)) == 0

    def test_in_a_rolling_window_each_read_comes_back_by_itself(self) -> None:
        for number, name in enumerate("abc"):
            metering.spend(SOMEBODY, name, terms=WEEK, now=NOON + number * DAY)
        refused = metering.spend(SOMEBODY, "d", terms=WEEK, now=NOON + 6 * DAY)
        assert refused.resets_at(at=NOON + 6 * DAY) == NOON + 7 * DAY
        again = metering.spend(SOMEBODY, "d", terms=WEEK, now=NOON + 7 * DAY)
        assert again.has_counted(at=NOON + 7 * DAY)
        assert used(SOMEBODY, terms=WEEK, now=NOON + 7 * DAY) == 3

    def test_a_lowered_limit_owes_nothing_and_keeps_open_what_was_paid_for(self) -> None:
        for name in "abc":
            metering.spend(SOMEBODY, name, terms=MONTH, now=NOON)
        lower = MeterTerms(1, 1, CalendarMonth())
        found = metering.read_many(SOMEBODY, ("c",), terms=lower, now=NOON)["c"]
        assert (found.remaining(at=NOON), found.opens(at=NOON)) == (0, True)


class TestSigningIn:
    @pytest.fixture
    def owner(self) -> User:
        who = reader(password="correct horse battery")
        who.vouch_for_email()
        return who

    def test_counts_what_was_read_before(self, client: Client, owner: User) -> None:
        meter(stranger_reads=3, reader_reads=4)
        for name in "abcde":
            article(name, demand="")
        for name in "abc":
            read(client, name)
        sign_in_here(client, owner)
        assert read(client, "a")["meter"] == {
            "limit": 4, "used": 3, "remaining": 1, "resets_at": "2026-12-01T00:00:00Z",
        }  # fmt: skip
        assert [read(client, name)["reason"] for name in "de"] == ["metered", "meter_exhausted"]

    def test_counts_once_what_both_had_read(self, owner: User) -> None:
        metering.spend(Identity(owner), "a", terms=MONTH, now=NOON - DAY)
        for name in "ab":
            metering.spend(SOMEBODY, name, terms=MONTH, now=NOON)
        metering.merge("device-1", owner, now=NOON)
        assert used(Identity(owner)) == 2

    def test_twice_changes_nothing(self, owner: User) -> None:
        metering.spend(SOMEBODY, "a", terms=MONTH, now=NOON)
        assert [metering.merge("device-1", owner, now=NOON) for _ in range(2)] == [1, 0]

    def test_and_out_again_gives_no_fresh_meter(self, owner: User) -> None:
        metering.spend(SOMEBODY, "a", terms=MONTH, now=NOON)
        metering.merge("device-1", owner, now=NOON)
        assert used(SOMEBODY) == 1

    def test_what_is_read_then_counts_on_the_device_as_well(self, client: Client, owner: User) -> None:
        meter(stranger_reads=1, reader_reads=3)
        for name in "abc":
            article(name, demand="")
        read(client, "a")
        sign_in_here(client, owner)
        read(client, "b")
        client.post("/account/logout/")
        assert client.get("/api/v1/articles/c/access").json()["remedies"][0]["kind"] == "log_in"
        assert [read(client, name)["reason"] for name in "abc"] == ["metered", "metered", "meter_exhausted"]
        sign_in_here(client, owner)
        assert read(client, "c")["meter"]["used"] == 3

    def test_tells_later_when_it_was_known(self, owner: User) -> None:
        metering.spend(SOMEBODY, "a", terms=MONTH, now=NOON - 2 * DAY)
        metering.merge("device-1", owner, now=NOON)
        known = [
            metering.as_of(owner, "-", terms=MONTH, at=NOON - DAY, known_at=when).used(at=NOON - DAY)
            for when in (NOON - DAY, NOON)
        ]
        assert known == [0, 1]

    def test_does_not_charge_a_housemate(self, owner: User) -> None:
        metering.spend(SOMEBODY, "a", terms=MONTH, now=NOON)
        metering.merge("device-1", owner, now=NOON)
        other = reader("housemate@readers.example")
        metering.merge("device-1", other, now=NOON)
        assert used(Identity(other)) == 0


def test_a_closed_account_leaves_no_wallet(mara: User) -> None:
    metering.spend(Identity(mara), "a", terms=MONTH, now=NOON)
    mara.delete()
    assert not FreeRead.objects.exists()


def test_what_counts_no_more_is_forgotten_for_devices_only(mara: User) -> None:
    long_ago = NOON - 401 * DAY
    for who, when in (
        (SOMEBODY, long_ago),
        (Identity(None, device="other"), NOON),
        (Identity(mara), long_ago),
    ):
        metering.spend(who, "a", terms=MONTH, now=when)
    assert metering.forget(now=NOON) == 1
    assert set(Wallet.objects.values_list("owner", flat=True)) == {"device:other", f"reader:{mara.public_id}"}


def test_a_cookie_that_was_cleared_is_another_device(stranger: Client) -> None:
    meter(stranger_reads=1)
    article("a", demand="")
    article("b", demand="")
    read(stranger, "a")
    assert read(stranger, "b")["reason"] == "meter_exhausted"
    assert django_settings.DEVICE_COOKIE_NAME in stranger.cookies


@pytest.mark.django_db(transaction=True)
def test_the_last_read_is_spent_once() -> None:
    for round_ in range(3):
        who = Identity(None, device=f"device-{round_}")
        for name in "ab":
            metering.spend(who, name, terms=MONTH, now=NOON)
        acts = [partial(metering.spend, who, f"c{number}", terms=MONTH, now=NOON) for number in range(8)]
        opened = [found.has_counted(at=NOON) for found in at_once(*acts)]
        assert opened.count(True) == 1
        assert used(who) == 3


@pytest.mark.django_db(transaction=True)
def test_one_article_opened_many_times_at_once_costs_one_read() -> None:
    acts = [partial(metering.spend, SOMEBODY, "a", terms=MONTH, now=NOON)] * 8
    assert all(found.has_counted(at=NOON) for found in at_once(*acts))
    assert used(SOMEBODY) == 1
