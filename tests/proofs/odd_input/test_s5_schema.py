"""The proof that our API answers as its document says, whatever is sent and whoever asks.

Of schemathesis' checks these are left out. `positive_data_acceptance`: what is on sale, which address is ours, which
cursor we gave is beyond any schema, so sound data may be refused. `ignored_auth`, `missing_required_header` and the
stateful ones: who may do what is proven by the table of S3. `unsupported_method`: asked here by hand of all methods.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
import schemathesis
import yaml
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, connection
from django.test import Client
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from accounts.models import User
from config.wsgi import application
from paywall.models import Gift
from tests.billing.market import Market
from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL, extent
from tests.proofs.odd_input import standing
from tests.proofs.odd_input.callers import ARTICLES, SUBSCRIBER, assemble, the_subscriber
from tests.proofs.odd_input.interview import Ask, Interview, undeclared
from tests.proofs.processes.elsewhere import on_postgres
from tests.proofs.processes.services import Postgres

SEED = int(os.environ.get("SEED", "5"))
DOCUMENT = "/api/v1/schema/"
# All of it where text is hardest to store, a sample elsewhere.
EACH = extent(ordinary=10, full=130 if connection.vendor == "postgresql" else 20)
_ANSWERS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
_STATEMENT = {
    "url": f"http://localhost:8001/{ARTICLES[0]}",
    "title": "The harbour votes",
    "demand": "subscriber",
    "products": ["premium"],
    "published_at": "2026-01-01T00:00:00Z",
    "embargo_until": None,
    "unpublished_at": None,
}


def lead(case: Case, caller: str, ask: Ask) -> None:
    """Ask about what exists: an article, a price, an address of ours, a subscription or group as is needed."""
    if "article_id" in case.path_parameters:
        case.path_parameters["article_id"] = "old-news" if case.method == "DELETE" else ARTICLES[0]
    if "gift_id" in case.path_parameters:
        case.path_parameters["gift_id"] = Gift.objects.latest("made_at").key
    for name in ("cursor", "reader", "product", "since", "until"):
        case.query.pop(name, None)
    if case.path.endswith("/timeline"):
        case.query["reader"] = User.objects.latest("date_joined").public_id
    if "site" in case.query:
        case.query["site"] = settings.SITE_URL
    if case.path.endswith("/token"):
        case.body = {"site": settings.SITE_URL}
    if case.path.endswith("/check"):
        case.headers = {"X-Original-URI": f"/{ARTICLES[0]}"}
    if isinstance(case.body, dict):
        known = {
            "articles": list(ARTICLES),
            "price": "culture_monthly",
            "return_url": f"{settings.SITE_URL}/account/",
        }
        statement = _STATEMENT if "demand" in case.body else {}
        case.body = {**case.body, **{name: known[name] for name in known if name in case.body}, **statement}
        case.body.pop("subscription", None)
    if caller == SUBSCRIBER:
        standing.lead(case, the_subscriber(), ask)


@pytest.fixture
def _keep_connection(db: None) -> Iterator[None]:
    """Let requests in this process leave the test's transaction open, as Django's own test client does."""
    signals = (request_started, request_finished)
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.mark.usefixtures("_keep_connection")
def test_s5_every_answer_is_as_the_document_says(market: Market, figure: Figure) -> None:
    market.stock_groups()
    market.stock_gifts()
    interview = Interview(
        schema=schemathesis.openapi.from_wsgi(DOCUMENT, application),
        callers=assemble(site_key="site-key-for-tests-only"),
        checks=_ANSWERS,
        checks_of_refusals=[negative_data_rejection],
        seed=SEED,
        lead=lead,
    )
    interview.hold(each=EACH)
    _tell(figure, interview)


@pytest.mark.skipif(not IS_FULL, reason="S6 sends bad strings there in every run")
@pytest.mark.usefixtures("_keep_connection")
def test_s5_the_library_s_api_never_falls(market: Market, figure: Figure) -> None:
    """Ask sign-in and account what allauth's document holds; it names too few of its answers to be held against it."""
    everybody = assemble(site_key="site-key-for-tests-only")
    interview = Interview(
        schema=schemathesis.openapi.from_wsgi("/_allauth/openapi.json", application),
        callers={name: everybody[name] for name in ("stranger", "reader", "staff")},
        checks=[not_a_server_error],
        checks_of_refusals=[],
        seed=SEED,
        lead=lambda _case, _caller, _ask: None,
    )
    interview.hold(each=15)
    fives = sum(count for status, count in interview.answers.items() if status >= 500)
    figure(
        "S5",
        f"{connection.vendor}: allauth's API, {interview.asked} cases over {len(interview.answers_by_operation)} "
        f"operations: {fives} x 5xx; answers {dict(sorted(interview.answers.items()))}; seed {SEED}",
        target="0 x 5xx",
    )
    assert not interview.failures, interview.failures


@pytest.mark.django_db
def test_s5_what_the_document_does_not_offer_is_405(market: Market, figure: Figure) -> None:
    everybody = assemble(site_key="site-key-for-tests-only")
    callers = {name: Client(headers=everybody[name]) for name in ("reader", "site")}
    document, wrong, asked = yaml.safe_load(Client().get(DOCUMENT).content), list[str](), 0
    for method, path in undeclared(document):
        answers = [client.generic(method, path, b"{}", "application/json") for client in callers.values()]
        statuses = [answer.status_code for answer in answers]
        asked += len(statuses)
        # Whoever has no business there at all is told that first.
        if 405 not in statuses or not set(statuses) <= {403, 405}:
            wrong.append(f"{method} {path}: {statuses}")
        wrong += [
            f"{method} {path}: no Allow" for one in answers if one.status_code == 405 and "Allow" not in one
        ]
    figure("S5", f"{asked} calls by methods that no document offers: {len(wrong)} not 405", target="0")
    assert wrong == []
    assert asked > 100


@pytest.mark.skipif(not IS_FULL, reason="the ordinary run has one database, and CI runs it on both")
def test_s5_on_postgres_as_well(postgres: Postgres, figure: Figure) -> None:
    on_postgres(postgres, __file__, chosen="every_answer or library", figure=figure)


def _tell(figure: Figure, interview: Interview) -> None:
    failures = interview.failures
    fives = sum(count for status, count in interview.answers.items() if status >= 500)
    figure(
        "S5",
        f"{connection.vendor}: {interview.asked} cases over {len(interview.answers_by_operation)} operations as "
        f"{len(interview.callers)} callers: {fives} x 5xx, {sum(failures.values())} answers that the document does not "
        f"allow; answers {dict(sorted(interview.answers.items()))}; seed {interview.seed}",
        target="0 x 5xx, 0 others than documented",
    )
    assert fives == 0
    assert not failures, f"SEED={interview.seed}\n" + "\n".join(
        f"{count} x {what}" for what, count in failures.most_common(30)
    )
    silent = [
        label
        for label, answers in interview.answers_by_operation.items()
        if not any(status < 300 for status in answers)
    ]
    assert EACH < 100 or interview.asked >= 5000
    assert silent == [], "nothing was ever granted there, so little was learnt"
