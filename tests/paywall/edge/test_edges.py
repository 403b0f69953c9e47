"""The examples for edges, run: a CDN worker, nginx with home and with the gate, a Next.js server component.

Each stands between a careless site and this service, and meets the same readers.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from accounts.models import User
from paywall import entitlements, tokens
from paywall.decision.facts import Grant
from tests.factories.paywall import DAY, article, product, reader
from tests.paywall.conftest import sign_in
from tests.paywall.edge import parts
from tests.paywall.edge.parts import EDGE, HERE, NEWS, TEASER, WHOLE, Site
from tests.proofs.processes import services
from tests.proofs.processes.caches import nginx
from tests.proofs.processes.services import free_port, wait_until

PATH = "/premium/harbour-vote"
_A_FEW_SECONDS = 12.0


def _node() -> list[str]:
    command = parts.node()
    services.require(command, "Node (apt install nodejs)")
    assert command is not None
    return command


def test_the_javascript_verifier_answers_what_the_vectors_say() -> None:
    vectors = HERE.parent / "vectors" / "access_pass.json"
    command = [*_node(), str(HERE / "vectors.mjs"), str(EDGE / "pass.mjs"), str(vectors)]
    told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert told["wrong"] == []
    assert told["run"] == len(json.loads(vectors.read_text())["cases"])


def test_an_edge_knows_what_to_do_when_news_are_late_and_home_is_away() -> None:
    command = [*_node(), str(HERE / "home_story.mjs")]
    environment = {**os.environ, "HOME_MODULE": str(EDGE / "home.mjs")}
    told = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge that runs, and the site behind it."""

    name: str
    address: str
    site: Site

    def get(
        self, *, path: str = PATH, token: str = "", session: str = "", **headers: str
    ) -> requests.Response:
        """Ask for a page as a browser does."""
        cookies = {"access_pass": token, settings.SESSION_COOKIE_NAME: session}
        given = "; ".join(f"{name}={value}" for name, value in cookies.items() if value)
        sent = {**({"Cookie": given} if given else {}), **headers}
        return requests.get(self.address + path, headers=sent, timeout=20)


@pytest.fixture(params=["worker", "nginx and the gate", "nginx and home", "next"])
def edge(request: pytest.FixtureRequest, live_server: Any, tmp_path: Path) -> Iterator[Edge]:
    """Each of the examples, in front of one site."""
    cache.clear()
    article(url=f"{NEWS}{PATH}", path=PATH, published_at=timezone.now() - DAY)
    with ExitStack() as opened:
        site = opened.enter_context(parts.serving(Site()))
        yield Edge(request.param, _opened(request.param, live_server.url, site, tmp_path, opened), site)


def _opened(name: str, home: str, site: Site, folder: Path, opened: ExitStack) -> str:
    environment = parts.settings_of(home, site)

    def run(script: Path, *arguments: str, port: int, log: str) -> str:
        command = [*_node(), str(script), *arguments]
        return opened.enter_context(
            parts.running(
                command, port=port, log=folder / log, environment={**environment, "PORT": str(port)}
            )
        )

    port = free_port()
    match name:
        case "worker":
            return run(
                HERE / "serve_worker.mjs", str(EDGE / "worker.mjs"), str(port), port=port, log="worker"
            )
        case "next":
            page = parts.with_next(folder / "next")
            return run(HERE / "serve_page.mjs", str(page), str(port), port=port, log="page")
    services.require(nginx(), "nginx (apt install nginx-light)")
    check = home if name == "nginx and home" else run(EDGE / "gate.mjs", port=(at := free_port()), log="gate")
    assert name == "nginx and home" or check.endswith(str(at))
    user = "user root;" if os.geteuid() == 0 else ""
    file = parts.nginx_configuration(folder, port=port, check=check, site=site, user=user)
    command = [str(nginx()), "-c", str(file), "-e", str(folder / "error.log")]
    return opened.enter_context(parts.running(command, port=port, log=folder / "nginx", environment={}))


@pytest.fixture
def payer(transactional_db: None) -> User:
    """A reader who subscribes today."""
    who = reader("payer@readers.example")
    entitle(who)
    return who


def entitle(who: User, *, product_slug: str = "premium") -> None:
    product(product_slug)
    now = timezone.now()
    held = Grant(product_slug, "subscription:sub_1", starts_at=now - DAY, ends_at=now + DAY)
    entitlements.replace(who, source="subscription:sub_1", grants=(held,), now=now)


def token_of(who: User, *, site: str = NEWS) -> str:
    return tokens.mint(who, site=site, now=timezone.now()).token


def session_of(who: User) -> str:
    return str(sign_in(who).cookies[settings.SESSION_COOKIE_NAME].value)


def shows(answer: requests.Response) -> str:
    """Return what of the article came through; never both, and nothing that may be kept."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert not {"ETag", "Last-Modified", "X-Paywall-Products"} & set(answer.headers)
    assert (WHOLE in answer.text) != (TEASER in answer.text)
    return "whole" if WHOLE in answer.text else "teaser"


def test_readers_get_what_is_theirs(edge: Edge, payer: User) -> None:
    takes_tokens = edge.name != "nginx and home"
    assert shows(edge.get()) == "teaser"
    assert shows(edge.get(token=token_of(payer))) == ("whole" if takes_tokens else "teaser")
    assert shows(edge.get(session=session_of(payer))) == "whole"
    assert shows(edge.get()) == "teaser", "nothing of what came before is kept for the next"


def test_what_was_taken_back_is_refused_within_seconds(edge: Edge, payer: User) -> None:
    token, session = token_of(payer), session_of(payer)
    assert shows(edge.get(token=token, session=session)) == "whole"
    entitlements.replace(payer, source="subscription:sub_1", grants=(), now=timezone.now())
    wait_until(
        lambda: shows(edge.get(token=token, session=session)) == "teaser",
        what="the token to be void", seconds=_A_FEW_SECONDS,
    )  # fmt: skip
    entitle(payer)
    assert shows(edge.get(token=token, session=session)) == "whole", "a refusal is asked again at home"


def test_nobody_talks_their_way_in(edge: Edge, payer: User) -> None:
    culture = reader("culture@readers.example")
    entitle(culture, product_slug="culture")
    head, body, signature = token_of(payer).split(".")
    for token in (
        token_of(payer, site="http://localhost:8000"), token_of(culture), f"{head}.{body}.{signature[::-1]}",
        f"{head}.{body}.", "x" * 3000, "null", "'; DROP TABLE", "../../..",
    ):  # fmt: skip
        assert shows(edge.get(token=token)) == "teaser", token
    for headers in (
        {"X-Paywall-Access": "full"}, {"X-Paywall-Products": "nothing"}, {"X-Edge-Secret": parts.SECRET},
        {"X-Original-URI": "/free"}, {"X-Forwarded-Uri": "/free"}, {"X-Original-URL": "/free"},
        {"If-None-Match": '"one-for-both"'}, {"Range": "bytes=0-4000"},
        {"Authorization": "Bearer " + "0" * 32}, {"X-HTTP-Method-Override": "PUT"},
    ):  # fmt: skip
        assert shows(edge.get(**headers)) == "teaser", headers


def test_the_site_never_learns_who_asks(edge: Edge, payer: User) -> None:
    edge.get(token=token_of(payer), session=session_of(payer))
    assert edge.site.seen
    assert not any(
        {"Cookie", "Authorization", "X-Session-Token"} & set(headers) for headers in edge.site.seen
    )


@pytest.mark.parametrize("edge", ["nginx and the gate", "nginx and home"], indirect=True)
def test_nginx_makes_each_variant_once(edge: Edge, payer: User) -> None:
    session = session_of(payer)
    for _ in range(3):
        assert shows(edge.get(session=session)) == "whole"
        assert shows(edge.get()) == "teaser"
    assert sorted(variant for _, variant in edge.site.asked) == ["full", "teaser"]


@pytest.mark.parametrize("edge", ["worker", "nginx and the gate", "nginx and home"], indirect=True)
def test_what_is_free_asks_nobody(edge: Edge) -> None:
    answer = edge.get(path="/free")
    assert (answer.text, answer.headers.get("X-Paywall-Reason")) == (WHOLE, None)


@pytest.mark.parametrize("edge", ["next"], indirect=True)
def test_a_server_component_fetches_the_text_only_where_it_may_be_shown(edge: Edge) -> None:
    edge.get()
    assert [path for path, _ in edge.site.asked] == ["/articles/harbour-vote"]


@pytest.mark.parametrize("edge", ["worker", "nginx and the gate", "nginx and home"], indirect=True)
def test_a_stranger_s_device_reaches_the_browser(edge: Edge) -> None:
    answer = edge.get()
    assert settings.DEVICE_COOKIE_NAME in answer.cookies
    assert "of" not in answer.cookies
    again = edge.get(Cookie=f"{settings.DEVICE_COOKIE_NAME}={answer.cookies[settings.DEVICE_COOKIE_NAME]}")
    assert not again.cookies


def test_a_right_that_ends_ends_at_the_edge(edge: Edge, payer: User) -> None:
    now = timezone.now()
    held = Grant("premium", "subscription:sub_1", starts_at=now - DAY, ends_at=now + timedelta(seconds=4))
    entitlements.replace(payer, source="subscription:sub_1", grants=(held,), now=now)
    token, session = token_of(payer), session_of(payer)
    assert shows(edge.get(token=token, session=session)) == "whole"
    wait_until(lambda: timezone.now() >= now + timedelta(seconds=4), what="the end of a right")
    assert shows(edge.get(token=token, session=session)) == "teaser"
