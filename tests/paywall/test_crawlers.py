"""Crawlers: nobody is one because they say so; what a proven one is shown; how the proof is found."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from werkzeug.wrappers import Request, Response

from accounts.models import User
from paywall import robots
from paywall.crawlers import claims, lists, names
from paywall.crawlers.lists import Document, ListUnreadable, WebFetcher
from paywall.crawlers.names import NameUnknown
from paywall.decision.article import Demand
from paywall.models import CrawlerList, CrawlerPolicy, CrawlerProof, FreeRead
from paywall.robots import Kind
from tests.factories.paywall import DAY, MARKER, NOON, article, meter
from tests.paywall.conftest import SITE, sign_in
from tests.paywall.demo.fake_paywall import served

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

GOOGLE_LIST = robots.KNOWN[0].lists[0]
GOOGLEBOT = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CRAWLER = {"headers": {"User-Agent": GOOGLEBOT}, "REMOTE_ADDR": "66.249.66.1"}
IMPOSTOR = {"headers": {"User-Agent": GOOGLEBOT}, "REMOTE_ADDR": "198.51.100.7"}
HOST = "crawl-66-249-66-1.googlebot.com"


def policy(shown: str = "full", kind: Kind = Kind.SEARCH) -> CrawlerPolicy:
    return CrawlerPolicy.objects.create(kind=kind, shown=shown)


def published(*cidrs: str) -> None:
    """Store the owner's list as it is read; a policy that is stored later makes every process read it."""
    CrawlerList.objects.create(url=GOOGLE_LIST, networks=list(cidrs), due_at=NOON)


def read(client: Client, article_id: str = "harbour-vote", **more: Any) -> Any:
    return client.post(f"/api/v1/articles/{article_id}/read", **more).json()


class Names:
    """A DNS that says what a test wants; what it was not told it could not find out."""

    def __init__(
        self, names: Mapping[str, str | None], addresses: Mapping[str, set[str]] | None = None
    ) -> None:
        self._names = names
        self._addresses = addresses or {}

    def name_of(self, address: str) -> str | None:
        if address not in self._names:
            raise NameUnknown(address)
        return self._names[address]

    def addresses_of(self, name: str) -> frozenset[str]:
        if name not in self._addresses:
            raise NameUnknown(name)
        return frozenset(self._addresses[name])


class TestOff:
    def test_a_proven_crawler_is_anybody_while_staff_decided_nothing(self, stranger: Client) -> None:
        article()
        published("66.249.64.0/19")
        with CaptureQueriesContext(connection) as captured:
            told = read(stranger, **CRAWLER)
        assert (told["reason"], len(captured)) == ("subscription_required", 1)
        assert not CrawlerProof.objects.exists()

    def test_and_another_kind_stays_anybody(self, stranger: Client) -> None:
        article()
        published("66.249.64.0/19")
        policy("full", Kind.AI_TRAINING)
        assert read(stranger, **CRAWLER)["reason"] == "subscription_required"


class TestByPublishedNetworks:
    @pytest.fixture(autouse=True)
    def _a_list(self) -> None:
        article()
        published("66.249.64.0/19", "66.249.66.0/24", "2001:4860:4801:10::/64")

    def test_full_is_full(self, stranger: Client) -> None:
        policy("full")
        told = read(stranger, **CRAWLER)
        assert (told["reason"], told["access"]) == ("verified_crawler", "full")
        assert MARKER in told["body"]
        assert read(stranger, **{**CRAWLER, "REMOTE_ADDR": "2001:4860:4801:10::9"})["access"] == "full"
        assert not CrawlerProof.objects.exists()

    def test_nothing_is_nothing(self, stranger: Client) -> None:
        policy("none")
        told = stranger.get("/api/v1/articles/harbour-vote", **CRAWLER).json()
        assert (told["access"]["reason"], told["title"], told["teaser"]) == ("crawler_refused", None, None)
        assert "body" not in read(stranger, **CRAWLER)

    def test_a_teaser_spends_no_free_read(self, stranger: Client) -> None:
        meter()
        article("metered", demand="")
        policy("teaser")
        told = read(stranger, "metered", **CRAWLER)
        assert (told["access"], "body" in told) == ("teaser", False)
        assert not FreeRead.objects.exists()
        assert read(stranger, "metered", **IMPOSTOR)["reason"] == "metered"

    def test_what_is_open_to_all_stays_open_and_an_embargo_holds(self, stranger: Client) -> None:
        policy("none")
        article("free", demand=Demand.FREE)
        article("embargoed", embargo_until=NOON + DAY)
        assert read(stranger, "free", **CRAWLER)["reason"] == "free"
        assert read(stranger, "embargoed", **CRAWLER)["reason"] == "embargoed"

    @pytest.mark.parametrize("shown", ["full", "teaser", "none"])
    def test_nobody_is_one_by_their_own_word(self, stranger: Client, shown: str) -> None:
        policy(shown)
        forged = {**IMPOSTOR, "headers": {"User-Agent": GOOGLEBOT, "X-Forwarded-For": "66.249.66.1"}}
        for asked in (IMPOSTOR, forged):
            assert read(stranger, **asked)["reason"] == "subscription_required"

    def test_nor_by_address_alone(self, stranger: Client) -> None:
        policy("full")
        for agent in ("", "Mozilla/5.0", "bingbot/2.0", "Google"):
            assert (
                read(stranger, headers={"User-Agent": agent}, REMOTE_ADDR="66.249.66.1")["access"] == "teaser"
            )

    def test_whoever_is_signed_in_is_a_reader(self, mara: User) -> None:
        policy("full")
        assert read(sign_in(mara), **CRAWLER)["reason"] == "subscription_required"

    def test_a_site_states_both_and_lends_neither(self) -> None:
        policy("full")
        site = Client()
        assert (
            read(site, headers={**SITE, "User-Agent": GOOGLEBOT}, REMOTE_ADDR="66.249.66.1")["access"]
            == "teaser"
        )
        stated = {"X-Reader-Address": "66.249.66.1", "X-Reader-Agent": GOOGLEBOT}
        assert read(site, headers={**SITE, **stated})["reason"] == "verified_crawler"

    def test_the_proxy_s_check_and_a_batch_agree(self, stranger: Client) -> None:
        policy("full")
        asked = {**CRAWLER, "headers": {**CRAWLER["headers"], "X-Original-URI": "/harbour-vote"}}
        assert stranger.get("/api/v1/access/check", **asked).status_code == 204
        batch = stranger.post(
            "/api/v1/access", {"articles": ["harbour-vote"]}, content_type="application/json", **CRAWLER
        )
        assert batch.json()["decisions"][0]["reason"] == "verified_crawler"

    def test_a_decision_of_staff_holds_from_the_next_request_on(self, stranger: Client) -> None:
        row = policy("full")
        assert read(stranger, **CRAWLER)["access"] == "full"
        row.shown = "none"
        row.save()
        assert read(stranger, **CRAWLER)["access"] == "none"
        row.delete()
        assert read(stranger, **CRAWLER)["access"] == "teaser"

    def test_is_explained_with_its_origin(self, site: Client) -> None:
        policy("full")
        asked = {"network": "66.249.66.1", "agent": GOOGLEBOT}
        told = site.get("/api/v1/articles/harbour-vote/explain", asked).json()
        assert told["decision"]["reason"] == "verified_crawler"
        (fact,) = [fact for fact in told["facts"] if fact["name"] == "crawler"]
        assert fact["value"] == "Googlebot is shown full"
        assert fact["origin"] == "published networks of Googlebot, as it is now"

    def test_answers_are_as_private_as_any(self, stranger: Client) -> None:
        policy("full")
        answer = stranger.get("/api/v1/articles/harbour-vote/access", **CRAWLER)
        assert answer["Cache-Control"] == "private, no-store"


class TestByDns:
    @pytest.fixture(autouse=True)
    def _an_article(self) -> None:
        article()
        policy("full")

    def prove(self, resolver: names.Resolver, now: datetime = NOON + DAY / 1440) -> None:
        names.prove_due(resolver, now=now, seconds=10)

    def test_the_request_waits_for_nothing_and_the_next_one_is_known(self, stranger: Client) -> None:
        assert read(stranger, **CRAWLER)["reason"] == "subscription_required"
        self.prove(Names({"66.249.66.1": HOST}, {HOST: {"66.249.66.1"}}))
        assert read(stranger, **CRAWLER)["reason"] == "verified_crawler"

    @pytest.mark.parametrize(
        ("name", "addresses"),
        [
            (None, {}),
            ("host.evil.example", {"host.evil.example": {"66.249.66.1"}}),
            ("evilgooglebot.com", {"evilgooglebot.com": {"66.249.66.1"}}),
            ("googlebot.com.evil.example", {"googlebot.com.evil.example": {"66.249.66.1"}}),
            (HOST, {HOST: {"66.249.66.2"}}),
            (HOST, {HOST: set()}),
            ("google-proxy-66-249-66-1.google.com", {"google-proxy-66-249-66-1.google.com": {"66.249.66.1"}}),
        ],
    )
    def test_a_name_that_does_not_lead_there_and_back_proves_nothing(
        self, stranger: Client, name: str | None, addresses: dict[str, set[str]]
    ) -> None:
        read(stranger, **CRAWLER)
        self.prove(Names({"66.249.66.1": name}, addresses))
        assert read(stranger, **CRAWLER)["reason"] == "subscription_required"
        assert CrawlerProof.objects.get().due_at is None

    def test_one_crawler_s_proof_is_not_another_s(self, stranger: Client) -> None:
        read(stranger, **CRAWLER)
        self.prove(Names({"66.249.66.1": HOST}, {HOST: {"66.249.66.1"}}))
        bing = {"headers": {"User-Agent": "bingbot/2.0"}, "REMOTE_ADDR": "66.249.66.1"}
        assert read(stranger, **bing)["reason"] == "subscription_required"

    def test_a_dns_that_does_not_answer_is_asked_again_and_not_for_ever(self, stranger: Client) -> None:
        read(stranger, **CRAWLER)
        self.prove(Names({}))
        assert CrawlerProof.objects.get().due_at > NOON
        for hour in range(1, 6):
            self.prove(Names({}), now=NOON + hour * DAY / 24)
        assert CrawlerProof.objects.get().due_at is None
        assert read(stranger, **CRAWLER)["access"] == "teaser"

    def test_a_proof_is_renewed_before_it_runs_out_and_then_ends(self) -> None:
        claim = claims.Claim(robots.KNOWN[0], "66.249.66.1", shown=claims.Access.FULL, is_listed=False)
        claims.ask_dns(claim, now=NOON)
        self.prove(Names({"66.249.66.1": HOST}, {HOST: {"66.249.66.1"}}))
        fresh, late, over = (claims.find(claim, now=NOON + days * DAY) for days in (1, 6.5, 7.1))
        assert (fresh.right is not None, fresh.asks_dns) == (True, False)
        assert (late.right is not None, late.asks_dns) == (True, True)
        assert (over.right, over.asks_dns) == (None, True)

    def test_silence_takes_no_proof_away(self) -> None:
        claim = claims.Claim(robots.KNOWN[0], "66.249.66.1", shown=claims.Access.FULL, is_listed=False)
        claims.ask_dns(claim, now=NOON)
        self.prove(Names({"66.249.66.1": HOST}, {HOST: {"66.249.66.1"}}))
        late = NOON + 6.5 * DAY
        claims.ask_dns(claim, now=late)
        for hour in range(1, 7):
            self.prove(Names({}), now=late + hour * DAY / 24)
        found = claims.find(claim, now=late + DAY / 3)
        assert (found.right is not None, found.asks_dns) == (True, True)

    def test_a_flood_of_claims_keeps_nobody_from_being_proven_again(self) -> None:
        claim = claims.Claim(robots.KNOWN[0], "66.249.66.1", shown=claims.Access.FULL, is_listed=False)
        claims.ask_dns(claim, now=NOON)
        self.prove(Names({"66.249.66.1": HOST}, {HOST: {"66.249.66.1"}}))
        CrawlerProof.objects.bulk_create(
            CrawlerProof(crawler="bingbot", address=f"2001:db8::{n:x}", expires_at=NOON, due_at=NOON)
            for n in range(1000)
        )
        claims.ask_dns(claim, now=NOON + 6.5 * DAY)
        assert CrawlerProof.objects.get(address="66.249.66.1").due_at == NOON + 6.5 * DAY

    def test_a_flood_of_claims_does_not_grow_without_end(self, stranger: Client) -> None:
        CrawlerProof.objects.bulk_create(
            CrawlerProof(crawler="bingbot", address=f"2001:db8::{n:x}", expires_at=NOON, due_at=NOON)
            for n in range(1000)
        )
        read(stranger, **CRAWLER)
        assert CrawlerProof.objects.count() == 1000

    def test_what_ran_out_long_ago_is_forgotten(self, stranger: Client) -> None:
        read(stranger, **CRAWLER)
        self.prove(Names({"66.249.66.1": None}))
        self.prove(Names({}), now=NOON + 9 * DAY)
        assert not CrawlerProof.objects.exists()

    def test_whoever_claims_nothing_costs_nothing(self, stranger: Client) -> None:
        read(stranger)
        with CaptureQueriesContext(connection) as captured:
            read(stranger)
        assert len(captured) == 1


class TestTheSystemsResolver:
    def test_waits_for_so_long_at_most(self, monkeypatch: pytest.MonkeyPatch) -> None:
        is_over = threading.Event()

        def wait(_address: str) -> Any:
            is_over.wait(10)
            raise socket.herror(1, "unknown host")

        monkeypatch.setattr(socket, "gethostbyaddr", wait)
        begun = time.monotonic()
        with pytest.raises(NameUnknown):
            names.SystemResolver(seconds=0.05).name_of("66.249.66.1")
        assert time.monotonic() - begun < 2
        is_over.set()

    @pytest.mark.parametrize(
        ("error", "is_unknown"),
        [
            (socket.herror(1, "unknown host"), False),
            (socket.herror(4, "no data"), False),
            (socket.herror(2, "try again"), True),
            (socket.gaierror(socket.EAI_NONAME, "none"), False),
            (socket.gaierror(socket.EAI_AGAIN, "again"), True),
        ],
    )
    def test_tells_nothing_there_from_no_answer(
        self, monkeypatch: pytest.MonkeyPatch, error: OSError, is_unknown: bool
    ) -> None:
        def fail(_address: str) -> Any:
            raise error

        monkeypatch.setattr(socket, "gethostbyaddr", fail)
        resolver = names.SystemResolver()
        if is_unknown:
            with pytest.raises(NameUnknown):
                resolver.name_of("66.249.66.1")
        else:
            assert resolver.name_of("66.249.66.1") is None

    def test_names_are_compared_in_one_spelling(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(socket, "gethostbyaddr", lambda _address: ("Crawl.GoogleBot.com.", [], []))
        assert names.SystemResolver().name_of("66.249.66.1") == "crawl.googlebot.com"


def prefixes(*cidrs: str) -> bytes:
    entries = [{"ipv6Prefix" if ":" in cidr else "ipv4Prefix": cidr} for cidr in cidrs]
    return json.dumps({"creationTime": "2026-11-25", "prefixes": entries}).encode()


class Shelf:
    """A fetcher that hands out one document, or fails."""

    def __init__(self, document: bytes | None = None, *, fails: bool = False) -> None:
        self.asked: list[str] = []
        self.marks: list[tuple[str, str]] = []
        self._document = document
        self._fails = fails

    def fetch(self, url: str, *, etag: str, modified: str) -> Document | None:
        self.asked.append(url)
        self.marks.append((etag, modified))
        if self._fails or (self._document is not None and url != GOOGLE_LIST):
            raise ListUnreadable("It answered 503.")
        return Document(self._document, etag='"1"') if self._document is not None else None


def refresh(fetcher: lists.Fetcher, now: datetime = NOON) -> None:
    lists.refresh(fetcher, now=now, seconds=10)


class TestLists:
    def test_nobody_is_asked_while_staff_decided_nothing(self) -> None:
        shelf = Shelf(prefixes("66.249.64.0/19"))
        refresh(shelf)
        assert shelf.asked == []

    def test_only_crawlers_of_a_kind_in_use_are_asked_for_and_not_too_often(self) -> None:
        policy("full", Kind.AI_TRAINING)
        shelf = Shelf()
        for _ in range(2):
            refresh(shelf)
        assert shelf.asked == ["https://openai.com/gptbot.json", "https://index.commoncrawl.org/ccbot.json"]

    def test_what_was_read_counts_from_the_next_request_on(self, stranger: Client) -> None:
        article()
        policy("full")
        assert read(stranger, **CRAWLER)["access"] == "teaser"
        refresh(Shelf(prefixes("66.249.64.0/19")))
        assert read(stranger, **CRAWLER)["access"] == "full"
        refresh(Shelf(prefixes("66.249.96.0/19")), now=NOON + DAY)
        assert read(stranger, **CRAWLER)["access"] == "teaser"

    @pytest.mark.parametrize(
        "document",
        [
            b"", b"<html>", b"[]", b"{}", b'{"prefixes": 1}', b'{"prefixes": []}', b'{"prefixes": [1]}', b"\xff",
            b'{"prefixes": [{}]}', b'{"prefixes": [{"ipv4Prefix": null}]}', b'{"prefixes": [{"ipv4Prefix": 5}]}',
            prefixes("66.249.64.0/19", "0.0.0.0/0"), prefixes("::/0"), prefixes("10.0.0.0/8"), b"[" * 100_000,
            prefixes(*[f"66.{n // 256}.{n % 256}.0/24" for n in range(10_001)]),
        ],
    )  # fmt: skip
    def test_a_document_that_is_none_leaves_the_last_good_one(self, document: bytes) -> None:
        policy("full")
        refresh(Shelf(prefixes("66.249.64.0/19")))
        refresh(Shelf(document), now=NOON + DAY)
        row = CrawlerList.objects.get(url=GOOGLE_LIST)
        assert (row.networks, row.fetched_at, bool(row.trouble)) == (["66.249.64.0/19"], NOON, True)

    def test_a_failure_leaves_it_too_and_is_looked_at_sooner(self) -> None:
        policy("full")
        refresh(Shelf(prefixes("66.249.64.0/19")))
        refresh(Shelf(fails=True), now=NOON + DAY)
        row = CrawlerList.objects.get(url=GOOGLE_LIST)
        assert row.networks == ["66.249.64.0/19"]
        assert row.trouble == "It answered 503."
        assert row.due_at == NOON + DAY + DAY / 24

    def test_the_same_as_before_is_noted(self) -> None:
        policy("full")
        refresh(Shelf(prefixes("66.249.64.0/19")))
        shelf = Shelf()
        refresh(shelf, now=NOON + DAY)
        assert ('"1"', "") in shelf.marks
        row = CrawlerList.objects.get(url=GOOGLE_LIST)
        assert (row.networks, row.etag, row.fetched_at) == (["66.249.64.0/19"], '"1"', NOON + DAY)

    def test_one_that_fails_holds_nobody_up(self) -> None:
        policy("full")
        refresh(Shelf(prefixes("66.249.64.0/19")))
        assert {bool(row.trouble) for row in CrawlerList.objects.all()} == {True, False}


class TestFetching:
    @pytest.fixture
    def owner(self) -> Iterator[str]:
        """A server that publishes a list, honestly and otherwise."""

        def answer(request: Request) -> Response:
            match request.path:
                case "/list":
                    if request.headers.get("If-None-Match") == '"7"':
                        return Response(status=304)
                    return Response(prefixes("66.249.64.0/19"), headers={"ETag": '"7"'})
                case "/moved":
                    return Response(status=302, headers={"Location": "/list"})
                case "/elsewhere":
                    return Response(status=302, headers={"Location": "ftp://127.0.0.1/list"})
                case "/huge":
                    return Response(b"x" * (2 * 1024 * 1024 + 1))
                case "/slow":
                    return Response(_drip())
                case _:
                    return Response(status=500)

        def application(environ: Any, start_response: Any) -> Any:
            return answer(Request(environ))(environ, start_response)

        with served(application) as address:
            yield address

    def fetch(self, url: str, etag: str = "", seconds: float = 5.0) -> Document | None:
        return WebFetcher(schemes=("http",), seconds=seconds).fetch(url, etag=etag, modified="")

    def test_brings_the_document_and_its_mark(self, owner: str) -> None:
        for path in ("/list", "/moved"):
            found = self.fetch(owner + path)
            assert found is not None
            assert (lists.parse(found.body), found.etag) == (["66.249.64.0/19"], '"7"')

    def test_asks_whether_it_is_the_same(self, owner: str) -> None:
        assert self.fetch(f"{owner}/list", etag='"7"') is None

    @pytest.mark.parametrize("path", ["/broken", "/huge", "/elsewhere"])
    def test_refuses_what_is_no_whole_answer(self, owner: str, path: str) -> None:
        with pytest.raises(ListUnreadable):
            self.fetch(owner + path)

    def test_does_not_wait_for_ever(self, owner: str) -> None:
        begun = time.monotonic()
        with pytest.raises(ListUnreadable):
            self.fetch(f"{owner}/slow", seconds=0.3)
        assert time.monotonic() - begun < 3

    def test_refuses_what_is_not_encrypted(self, owner: str) -> None:
        with pytest.raises(ListUnreadable):
            WebFetcher().fetch(f"{owner}/list", etag="", modified="")

    def test_where_nobody_listens_says_so(self) -> None:
        with pytest.raises(ListUnreadable):
            self.fetch("http://127.0.0.1:1/list")


def _drip() -> Iterator[bytes]:
    for _ in range(40):
        yield b" "
        time.sleep(0.05)


def test_every_known_crawler_can_prove_itself() -> None:
    assert all(robot.lists or robot.hosts for robot in robots.KNOWN)
    assert all(url.startswith("https://") for robot in robots.KNOWN for url in robot.lists)
    assert {robot.kind for robot in robots.KNOWN} == set(Kind)
    assert set(CrawlerPolicy.KindChoices.values) == set(Kind)


def test_a_policy_that_is_none_is_refused() -> None:
    with pytest.raises(ValidationError):
        CrawlerPolicy(kind="search", shown="everything").full_clean()
