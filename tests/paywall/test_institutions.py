"""Institutions: who is recognised by network and by e-mail domain, who never is, and what is counted."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from paywall import usage
from paywall.decision.article import Demand
from paywall.models import DirectoryVersion, EmailDomain, FreeRead, Institution, InstitutionUse, Network
from tests.factories.paywall import (
    DAY,
    MARKER,
    NOON,
    article,
    entitle,
    grant,
    institution,
    meter,
    product,
    reader,
)
from tests.paywall.conftest import SITE, sign_in
from tests.proofs.races.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

CAMPUS = {"REMOTE_ADDR": "192.0.2.7"}
ELSEWHERE = {"REMOTE_ADDR": "198.51.100.7"}


def read(client: Client, article_id: str = "harbour-vote", **more: Any) -> Any:
    return client.post(f"/api/v1/articles/{article_id}/read", **more).json()


def reason(client: Client, **more: Any) -> str:
    return str(client.get("/api/v1/articles/harbour-vote/access", **more).json()["reason"])


class TestByNetwork:
    def test_whoever_comes_from_there_reads_and_whoever_does_not_does_not(self, stranger: Client) -> None:
        article()
        institution("192.0.2.0/24", "2001:db8::/32")
        opened = read(stranger, **CAMPUS)
        assert (opened["reason"], opened["access"]) == ("institution", "full")
        assert MARKER in opened["body"]
        assert read(stranger, REMOTE_ADDR="2001:db8:0:1::9")["reason"] == "institution"
        assert read(stranger, REMOTE_ADDR="::ffff:192.0.2.255")["reason"] == "institution"
        for outside in ("192.0.1.255", "192.0.3.0", "2001:db7:ffff::", "2001:db9::", "", "nonsense"):
            refused = read(stranger, REMOTE_ADDR=outside)
            assert (refused["reason"], "body" in refused) == ("subscription_required", False)

    def test_one_without_networks_and_domains_opens_to_nobody(self, stranger: Client) -> None:
        article()
        institution()
        for address in ("0.0.0.0", "127.0.0.1", "192.0.2.7", "", "::"):  # noqa: S104  nothing listens here
            assert reason(stranger, REMOTE_ADDR=address) == "subscription_required"

    def test_it_opens_only_what_it_opens(self, stranger: Client) -> None:
        product("culture")
        article()
        institution("192.0.2.0/24", products=["culture"])
        assert reason(stranger, **CAMPUS) == "subscription_required"

    def test_a_registered_article_opens_and_an_embargo_holds(self, stranger: Client) -> None:
        institution("192.0.2.0/24")
        article(demand=Demand.REGISTERED)
        article("embargoed", embargo_until=NOON + DAY)
        assert reason(stranger, **CAMPUS) == "institution"
        assert read(stranger, "embargoed", **CAMPUS)["reason"] == "embargoed"

    def test_the_right_has_a_term_and_a_switch(self, stranger: Client) -> None:
        article()
        place = institution("192.0.2.0/24", starts_at=NOON, ends_at=NOON + DAY)
        told = stranger.get("/api/v1/articles/harbour-vote/access", **CAMPUS).json()
        assert (told["reason"], told["until"]) == ("institution", "2026-11-26T12:00:00Z")
        for change in ({"starts_at": NOON + timedelta(hours=1)}, {"starts_at": None, "ends_at": NOON}):
            for name, value in change.items():
                setattr(place, name, value)
            place.save()
            assert reason(stranger, **CAMPUS) == "subscription_required"
        place.ends_at, place.is_active = None, False
        place.save()
        assert reason(stranger, **CAMPUS) == "subscription_required"

    def test_one_that_is_yet_to_begin_says_when_the_answer_changes(self, stranger: Client) -> None:
        article()
        institution("192.0.2.0/24", starts_at=NOON + DAY)
        told = stranger.get("/api/v1/articles/harbour-vote/access", **CAMPUS).json()
        assert (told["reason"], told["until"]) == ("subscription_required", "2026-11-26T12:00:00Z")

    def test_nobody_spends_a_free_read_there(self, stranger: Client) -> None:
        meter()
        article(demand="")
        institution("192.0.2.0/24")
        assert read(stranger, **CAMPUS)["reason"] == "institution"
        assert not FreeRead.objects.exists()

    def test_every_way_of_asking_agrees(self, stranger: Client) -> None:
        article()
        institution("192.0.2.0/24")
        batch = stranger.post(
            "/api/v1/access", {"articles": ["harbour-vote"]}, content_type="application/json", **CAMPUS
        )
        assert batch.json()["decisions"][0]["reason"] == "institution"
        check = partial(stranger.get, "/api/v1/access/check", headers={"X-Original-URI": "/harbour-vote"})
        assert (check(**CAMPUS).status_code, check(**ELSEWHERE).status_code) == (204, 401)
        assert stranger.get("/api/v1/articles/harbour-vote", **CAMPUS).json()["access"]["access"] == "full"

    def test_a_change_holds_from_the_next_request_on(self, stranger: Client) -> None:
        article()
        assert reason(stranger, **CAMPUS) == "subscription_required"
        place = institution("192.0.2.0/24")
        assert reason(stranger, **CAMPUS) == "institution"
        Network.objects.all().delete()
        assert reason(stranger, **CAMPUS) == "subscription_required"
        Network.objects.create(institution=place, cidr="192.0.2.7")
        assert reason(stranger, **CAMPUS) == "institution"
        place.delete()
        assert reason(stranger, **CAMPUS) == "subscription_required"


class TestWhoseAddressCounts:
    @pytest.fixture(autouse=True)
    def _a_campus(self) -> None:
        article()
        institution("192.0.2.0/24")

    def test_nobody_s_word_without_a_proxy_of_ours(self, stranger: Client) -> None:
        for name in ("X-Forwarded-For", "X-Real-IP", "X-Reader-Address", "Forwarded", "True-Client-IP"):
            assert reason(stranger, headers={name: "192.0.2.7"}, **ELSEWHERE) == "subscription_required"

    def test_what_the_nearest_proxy_of_ours_saw(self, stranger: Client, settings: Any) -> None:
        settings.TRUSTED_PROXIES = 1
        seen = {"headers": {"X-Forwarded-For": "192.0.2.7, 198.51.100.7"}}
        assert reason(stranger, **seen) == "subscription_required"
        seen = {"headers": {"X-Forwarded-For": "198.51.100.7, 192.0.2.7"}}
        assert reason(stranger, **seen) == "institution"
        settings.TRUSTED_PROXIES = 2
        assert reason(stranger, **seen) == "subscription_required"

    def test_a_site_lends_nobody_its_own_and_states_the_reader_s(self) -> None:
        site = Client(headers=SITE, REMOTE_ADDR="192.0.2.7")
        assert reason(site) == "subscription_required"
        assert reason(site, headers={**SITE, "X-Reader-Address": "192.0.2.9"}) == "institution"
        assert reason(site, headers={**SITE, "X-Reader-Address": "198.51.100.7"}) == "subscription_required"

    @pytest.mark.parametrize(
        "stated", ["campus", "192.0.2.0/24", "192.0.2.7, 192.0.2.8", "9" * 400, "192.0.2.007"]
    )
    def test_a_stated_one_that_is_none_is_a_400(self, stated: str) -> None:
        asked = Client().get(
            "/api/v1/articles/harbour-vote/access", headers={**SITE, "X-Reader-Address": stated}
        )
        assert (asked.status_code, asked.json()["code"]) == (400, "address_unreadable")


class TestByEmail:
    @pytest.fixture(autouse=True)
    def _an_article(self) -> None:
        article()

    @pytest.mark.parametrize(
        ("email", "subdomains", "recognised"),
        [
            ("a@uni.example", False, True),
            ("a@students.uni.example", True, True),
            ("a@students.uni.example", False, False),
            ("a@evil-uni.example", True, False),
            ("a@uni.example.evil.example", True, False),
            ("a@example", True, False),
            ("uni.example@evil.example", True, False),
        ],
    )
    def test_of_a_proven_address_the_domain_counts(
        self, email: str, subdomains: bool, recognised: bool
    ) -> None:
        EmailDomain.objects.create(institution=institution(), domain="uni.example", subdomains=subdomains)
        who = reader(email)
        who.vouch_for_email()
        assert (reason(sign_in(who)) == "institution") is recognised

    def test_an_unproven_one_opens_nothing(self) -> None:
        institution(domains=["uni.example"])
        assert reason(sign_in(reader("a@uni.example"))) == "subscription_required"

    def test_a_change_of_address_ends_it(self) -> None:
        institution(domains=["uni.example"])
        who = reader("a@uni.example")
        who.vouch_for_email()
        User.objects.filter(pk=who.pk).update(email="a@home.example")
        assert reason(sign_in(User.objects.get(pk=who.pk))) == "subscription_required"

    def test_a_new_address_there_counts_once_it_is_proven(self) -> None:
        institution(domains=["uni.example"])
        who = reader("a@home.example")
        who.vouch_for_email()
        User.objects.filter(pk=who.pk).update(email="a@uni.example")
        assert reason(sign_in(User.objects.get(pk=who.pk))) == "subscription_required"

    def test_it_helps_where_the_network_s_institution_does_not(self) -> None:
        product("culture")
        institution("192.0.2.0/24", name="Museum", products=["culture"])
        institution(domains=["uni.example"])
        who = reader("a@uni.example")
        who.vouch_for_email()
        assert reason(sign_in(who), **CAMPUS) == "institution"

    def test_whoever_is_blocked_stays_out(self) -> None:
        institution("192.0.2.0/24", domains=["uni.example"])
        who = reader("a@uni.example")
        who.vouch_for_email()
        named = {"reader": who.public_id}
        User.objects.filter(pk=who.pk).update(is_active=False)
        told = Client(headers=SITE).get("/api/v1/articles/harbour-vote/access", named)
        assert told.json()["reason"] == "account_blocked"

    def test_a_subscriber_reads_as_a_subscriber_and_nobody_asks_for_the_proof(self) -> None:
        institution(domains=["uni.example"])
        who = reader("a@uni.example")
        entitle(who, grant())
        client = sign_in(who)
        assert reason(client) == "entitled"
        with CaptureQueriesContext(connection) as captured:
            reason(client)
        assert len(captured) == 4


class TestDirectory:
    def test_is_read_once_however_many_ask(self, stranger: Client) -> None:
        article()
        institution("192.0.2.0/24", domains=["uni.example"])
        reason(stranger, **CAMPUS)
        for origin in (CAMPUS, ELSEWHERE):
            with CaptureQueriesContext(connection) as captured:
                reason(stranger, **origin)
            assert len(captured) == 1

    def test_one_institution_among_many_is_found(self, stranger: Client) -> None:
        article()
        place = institution()
        for third in range(1, 40):
            Network.objects.create(institution=place, cidr=f"198.18.{2 * third}.0/24")
        found = [reason(stranger, REMOTE_ADDR=f"198.18.{third}.200") for third in range(1, 81)]
        assert [each == "institution" for each in found] == [
            third % 2 == 0 and third < 80 for third in range(1, 81)
        ]


class TestWhatIsRefused:
    def test_addresses_of_another_with_its_name(self) -> None:
        institution("192.0.2.0/24", name="Campus")
        other = institution(name="Museum")
        for cidr in ("192.0.2.0/24", "192.0.2.128/25", "192.0.0.0/16", "::ffff:192.0.2.1", "192.0.2.255"):
            with pytest.raises(ValidationError, match="Campus"):
                Network.objects.create(institution=other, cidr=cidr)
        Network.objects.create(institution=other, cidr="192.0.3.0/24")

    def test_addresses_given_twice_by_the_same_and_not_a_row_stored_again(self) -> None:
        place = institution("192.0.2.0/24")
        with pytest.raises(ValidationError):
            Network.objects.create(institution=place, cidr="192.0.2.5")
        place.networks.get().save()

    @pytest.mark.parametrize("cidr", ["0.0.0.0/0", "::/0", "", "10.0.0.0/8", "127.0.0.1"])
    def test_everybody_s_addresses(self, cidr: str) -> None:
        with pytest.raises(ValidationError):
            Network.objects.create(institution=institution(), cidr=cidr)

    @pytest.mark.parametrize(
        "domain", ["", "example", "*.example", "a@uni.example", "gmail.com", "uni..example", "-a.example", "1.2.3.4",
                   "uni.example\n.com"]
    )  # fmt: skip
    def test_what_is_no_domain_of_one_place(self, domain: str) -> None:
        with pytest.raises(ValidationError):
            EmailDomain.objects.create(institution=institution(), domain=domain)

    def test_a_whole_registry(self) -> None:
        with pytest.raises(ValidationError):
            EmailDomain.objects.create(institution=institution(), domain="ac.uk", subdomains=True)

    def test_a_domain_is_kept_in_lower_case(self) -> None:
        made = EmailDomain.objects.create(institution=institution(), domain=" @Uni.Example ")
        assert made.domain == "uni.example"

    def test_an_institution_that_opens_nothing(self) -> None:
        with pytest.raises(IntegrityError):
            Institution.objects.create(name="Nothing", products=[])


@pytest.mark.django_db(transaction=True)
def test_of_two_that_take_the_same_addresses_at_once_one_wins() -> None:
    first, second = institution(name="Campus"), institution(name="Museum")

    def take(place: Institution, cidr: str) -> bool:
        try:
            Network.objects.create(institution=place, cidr=cidr)
        except ValidationError:
            return False
        return True

    for third in range(4):
        acts = [
            partial(take, first, f"192.0.{third}.0/24"),
            partial(take, second, f"192.0.{third}.128/25"),
        ] * 2
        assert at_once(*acts).count(True) == 1
    assert Network.objects.count() == 4


class TestUsage:
    def test_counts_opens_and_articles_by_month(self, stranger: Client) -> None:
        article("a")
        article("b")
        place = institution("192.0.2.0/24")
        for name in "aab":
            read(stranger, name, **CAMPUS)
        stranger.get("/api/v1/articles/a/access", **CAMPUS)
        usage.count(str(place.pk), "a", now=NOON + 10 * DAY)
        told = [(f"{each.month:%Y-%m}", each.opens, each.articles) for each in usage.by_month([place])]
        assert told == [("2026-12", 1, 1), ("2026-11", 3, 2)]

    def test_costs_one_statement(self) -> None:
        key = str(institution().pk)
        usage.count(key, "a", now=NOON)
        with CaptureQueriesContext(connection) as captured:
            usage.count(key, "a", now=NOON)
        assert len(captured) == 1


@pytest.mark.django_db(transaction=True)
def test_opens_at_once_are_all_counted() -> None:
    key = str(institution().pk)
    at_once(*[partial(usage.count, key, "a", now=NOON)] * 8)
    assert InstitutionUse.objects.get().opens == 8


@pytest.mark.django_db(transaction=True)
def test_an_institution_removed_in_the_same_moment_is_no_error() -> None:
    place = institution()
    key = str(place.pk)
    place.delete()
    usage.count(key, "a", now=NOON)
    assert not InstitutionUse.objects.exists()


def test_explained_with_its_origin(site: Client) -> None:
    article()
    institution("192.0.2.0/24")
    told = site.get("/api/v1/articles/harbour-vote/explain", {"network": "192.0.2.7"}).json()
    assert told["decision"]["reason"] == "institution"
    facts = {fact["name"]: (fact["value"], fact["origin"]) for fact in told["facts"]}
    assert facts["institution"][0].startswith("Campus opens premium")
    assert facts["institution"][1] == "network 192.0.2.0/24, as it is now"
    elsewhere = site.get("/api/v1/articles/harbour-vote/explain", {"network": "198.51.100.7"}).json()
    assert elsewhere["decision"]["reason"] == "subscription_required"
    assert site.get("/api/v1/articles/harbour-vote/explain", {"network": "campus"}).status_code == 400


def test_no_place_costs_nothing_and_leaves_no_version() -> None:
    article()
    assert not DirectoryVersion.objects.exists()
    with CaptureQueriesContext(connection) as captured:
        reason(Client(), **CAMPUS)
    assert len(captured) == 1
