"""The proof that nothing typed breaks anything: it is kept as it is or refused clearly, and shown as text only."""

from __future__ import annotations

import itertools
import os
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urljoin

import pytest
import yaml
from django.conf import settings
from django.core import mail
from django.db import connection
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client
from django.urls import reverse

from accounts import clock, emails
from accounts.models import Mail, User
from paywall.models import Article, Product
from tests.billing.market import Market
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.paywall import article, product
from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL, extent
from tests.proofs.odd_input import doors, nasty
from tests.proofs.odd_input.doors import Door
from tests.proofs.processes.elsewhere import on_postgres
from tests.proofs.processes.services import Postgres

SEED = int(os.environ.get("SEED", "6"))
SITE = {"Authorization": "Api-Key site-key-for-tests-only"}
LIMIT = 256 * 1024
_CHECKOUT = "http://localhost:8002/c/pay/"  # the stand-in's
_PASSWORD = "a password for now"
STRINGS = nasty.strings(seed=SEED)
# Where text is hardest to store each field of a body, a form or a header meets this many, in the hands of those whom it
# is made for; a sample is sent elsewhere: to SQLite, in other hands, in addresses.
_IS_MAIN_DATABASE = connection.vendor == "postgresql"
EACH = extent(ordinary=3, full=520 if _IS_MAIN_DATABASE else 12)
EACH_OF_OTHERS = min(EACH, 12)
HEADERS = (
    *("HTTP_X_SESSION_TOKEN", "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_X_DEVICE_ID", "HTTP_X_CSRFTOKEN"),
    *("HTTP_ACCEPT", "HTTP_ACCEPT_LANGUAGE", "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_USER_AGENT"),
    *("HTTP_HOST", "HTTP_X_FORWARDED_FOR", "CONTENT_TYPE"),
)
_IN_ACCOUNT = (
    *(
        "login",
        "signup",
        "logout",
        "login/code",
        "password/reset",
        "password/set",
        "password/change",
        "reauthenticate",
    ),
    *("email", "sessions", "subscribe", "card", "cancel", "mfa", "mfa/totp/activate", "mfa/webauthn/add"),
)
PAGES = ("/account/", *(f"/account/{name}/" for name in _IN_ACCOUNT))
QUERIES = {
    "/account/subscribe/": ("product",),
    "/account/card/": ("return_url",),
    "/account/cancel/": ("subscription",),
    "/account/return/": ("attempt", "session_id"),
    "/account/reauthenticate/": ("next",),
}
QUERIES_OF_STRANGERS = {"/account/login/": ("next",), "/account/signup/": ("next",), "/": ("x",)}
SEARCHED = ("accounts_user", "accounts_mail", "paywall_article", "billing_customer")
RAW = (
    *(
        b"",
        b"null",
        b"\xff\xfe",
        b'{"email": "\xc0\xaf"}',
        b'{"email": "\\ud800"}',
        b'{"email": NaN}',
        b'{"a":1,"a":2}',
    ),
    *(b"[" * 50_000, b"9" * 5000, b"email=%ff%00%zz&=&&&code", b"\x1f\x8b\x08\x00"),
)


@pytest.fixture(autouse=True)
def _cheap_passwords(settings: Any) -> None:
    """Spend no second of processor time on each wrong password."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.mark.django_db
def test_s6_nothing_typed_anywhere_breaks_anything(market: Market, figure: Figure) -> None:
    everything = list[Door]()
    wrong, answers, asked = Counter[str](), Counter[int](), 0
    for door, often in _all_doors(market):
        everything.append(door)
        for values in _fillings(door, often):
            door.client.defaults["REMOTE_ADDR"] = (
                f"10.{asked >> 16}.{asked >> 8 & 255}.{asked & 255}"  # no limit of one network
            )
            answer = door.send(values)
            asked += 1
            answers[int(answer.status_code)] += 1
            for complaint in complaints(answer, values):
                wrong[f"{door.name}: {complaint}"] += 1
        for body in RAW[:: extent(ordinary=4, full=1)] if door.raw else ():
            answer = door.raw(body)
            answers[int(answer.status_code)] += 1
            if answer.status_code >= 500:
                wrong[f"{door.name}: {answer.status_code} to {body[:20]!r}"] += 1
    fields = sum(len(door.fields) for door in everything)
    fives, obeyed = sum(answers[status] for status in answers if status >= 500), sum(wrong.values())
    figure(
        "S6",
        f"{connection.vendor}: {EACH} of {len(STRINGS)} bad strings x {fields} fields at {len(everything)} doors, "
        f"{asked} calls: {fives} x 5xx, {obeyed} answers that obey or do not escape what was typed; "
        f"answers {dict(sorted(answers.items()))}; seed {SEED}",
        target=">= 500 strings, 0 x 5xx, 0 obeyed",
    )
    assert not wrong, f"SEED={SEED}\n" + "\n".join(
        f"{count} x {what}" for what, count in wrong.most_common(40)
    )
    assert len(STRINGS) >= 500
    assert complaints(HttpResponse(f"<p>{nasty.TAG}>"), {"a": f"{nasty.TAG}>"}), (
        "the control: what is not escaped is found"
    )
    assert _mails_are_sound() > 0


@pytest.mark.django_db
def test_s6_what_is_stored_comes_back_unchanged_or_was_refused_clearly(figure: Figure) -> None:
    site, staff = Client(headers=SITE), Client()
    staff.force_login(a_member_of_staff())
    product()
    chosen = STRINGS[: extent(ordinary=12, full=520 if _IS_MAIN_DATABASE else 60)]
    wrong, kept, refused = list[str](), 0, 0
    for number, text in enumerate(chosen):
        for name, found in (*_stated(site, text, number), *_made(staff, text, number)):
            if found is None:
                refused += 1
            elif found in {text, text.strip(), *_as_form(text)}:
                kept += 1
            else:
                wrong.append(f"{name}: {text!r} became {found!r}")
    figure(
        "S6",
        f"{connection.vendor}: {len(chosen)} bad strings x 9 stored fields: {kept} kept as they are, {refused} refused "
        f"clearly, {len(wrong)} changed; seed {SEED}",
        target="0 changed",
    )
    assert wrong == []
    assert min(kept, refused) > len(chosen)


@pytest.mark.django_db
def test_s6_bodies_over_256_kb_are_refused_at_every_door(market: Market, figure: Figure) -> None:
    everything = [door for door, _often in _all_doors(market) if door.raw]
    big, wrong = b'{"email": "' + b"a" * LIMIT + b'"}', list[str]()
    for door in everything:
        assert door.raw is not None
        status = door.raw(big).status_code
        if status != 413:
            wrong.append(f"{door.name}: {status}")
    figure("S6", f"bodies over 256 KB at {len(everything)} doors: {len(wrong)} not 413", target="0")
    assert wrong == []
    assert len(everything) > 30


@pytest.mark.skipif(not IS_FULL, reason="the ordinary run has one database, and CI runs it on both")
def test_s6_on_postgres_as_well(postgres: Postgres, figure: Figure) -> None:
    on_postgres(postgres, __file__, chosen="typed or stored", figure=figure)


def complaints(answer: HttpResponseBase, values: dict[str, str]) -> Iterator[str]:
    """Yield what is wrong with an answer to these values."""
    if answer.status_code >= 500:
        yield f"{answer.status_code} to one of {sorted(values.values())!r}"[:400]
    if nasty.HEADER in answer.headers or "\n" in str(answer.headers.values()):
        yield "a header of ours was written"
    where = urljoin(f"{settings.SITE_URL}/", answer.headers.get("Location", "/"))
    if not where.startswith((f"{settings.SITE_URL}/", _CHECKOUT, *settings.CORS_ALLOWED_ORIGINS)):
        yield f"leads away, to {where!r}"
    content = answer.content.decode("utf-8", "replace") if isinstance(answer, HttpResponse) else ""
    if nasty.WORKED_OUT in content:
        yield "it was worked out"
    if nasty.TAG in content and "html" in answer.headers.get("Content-Type", ""):
        yield f"not escaped, one of {sorted(values.values())!r}"[:400]


def _fillings(door: Door, often: int) -> Iterator[dict[str, str]]:
    """Yield values for all fields of a door at once, so that each string meets each field once."""
    for number in range(often):
        yield {name: STRINGS[(number + place * 97) % len(STRINGS)] for place, name in enumerate(door.fields)}


def _all_doors(market: Market) -> Iterator[tuple[Door, int]]:
    """Yield every door and how many strings to try there; each is one caller's main door and may be another's too."""
    reader, staff = a_reader(password=_PASSWORD), a_member_of_staff()
    market.buy(reader)
    article(published_at=clock.now() - timedelta(days=1), url="http://localhost:8001/harbour-vote")
    ours = yaml.safe_load(Client().get("/api/v1/schema/").content)
    theirs = Client().get("/_allauth/openapi.json").json()
    samples = {"article_id": "harbour-vote", "client": "app"}
    app, browser = _app_of(reader), _browser_of(reader)
    site, stranger = _patient(headers=SITE), _patient()
    main = [
        doors.of_document(_part(ours, "/api/v1/article"), site, samples=samples),
        doors.of_document(_part(ours, "/api/v1/", but="/api/v1/article"), app, samples=samples),
        doors.of_document(_part(theirs, "/_allauth/{client}/v1/auth/"), stranger, samples=samples),
        doors.of_document(_part(theirs, "/_allauth/{client}/v1/account/"), app, samples=samples),
        doors.of_headers(stranger, HEADERS, where="/api/v1/session"),
        doors.of_queries(browser, QUERIES),
        doors.of_queries(stranger, QUERIES_OF_STRANGERS),
        doors.of_pages(browser, PAGES),
        doors.of_pages(stranger, PAGES[1:5]),
        doors.of_pages(_patient(signed_in=staff), _of_staff(reader)),
    ]
    # Only apps send a token; a browser would be signed out by what follows it.
    in_browser = {"samples": {"client": "browser"}, "leave_out": "X-Session-Token"}
    others = [
        doors.of_document(_part(ours, "/api/v1/article"), app, samples=samples),
        doors.of_document(_part(ours, "/api/v1/", but="/api/v1/article"), site, samples=samples),
        doors.of_document(_part(theirs, "/_allauth/{client}/v1/auth/"), app, samples=samples),
        doors.of_document(theirs, browser, **in_browser),
        doors.of_headers(_browser_of(reader), HEADERS, where="/account/sessions/"),
    ]
    for door in itertools.chain(*main):
        yield door, EACH if door.raw or door.name.startswith("header ") else EACH_OF_OTHERS
    yield from ((door, EACH_OF_OTHERS) for door in itertools.chain(*others))
    for name, client in (("app", app), ("browser", browser)):
        still = client.get("/api/v1/session").json()["reader"]
        assert still, f"the {name} was signed out on the way, so little was asked"


def _part(document: dict[str, Any], prefix: str, *, but: str = "nothing") -> dict[str, Any]:
    paths = {path: item for path, item in document["paths"].items() if path.startswith(prefix)}
    return {**document, "paths": {path: item for path, item in paths.items() if not path.startswith(but)}}


def _of_staff(reader: User) -> list[str]:
    """Return the pages on which staff write."""
    return [
        reverse("admin:paywall_product_add"),
        reverse("admin:paywall_product_change", args=[product().pk]),
        reverse("admin:accounts_user_add"),
        reverse("admin:accounts_user_change", args=[reader.pk]),
        reverse("admin:paywall_explain"),
        *(reverse(f"admin:{name}_changelist") for name in SEARCHED),
    ]


def _app_of(reader: User) -> Client:
    """Sign in as an app does, so recently that everything may be changed."""
    answer = Client().post(
        "/_allauth/app/v1/auth/login", {"email": reader.email, "password": _PASSWORD}, "application/json"
    )
    return _patient(headers={"X-Session-Token": answer.json()["meta"]["session_token"]})


def _browser_of(reader: User) -> Client:
    """Sign in as people do."""
    client = _patient()
    assert client.post("/account/login/", {"login": reader.email, "password": _PASSWORD}).status_code == 302
    return client


def _patient(*, signed_in: User | None = None, headers: dict[str, str] | None = None) -> Client:
    """Return a client to which an error is an answer."""
    client = Client(raise_request_exception=False, headers=headers)
    if signed_in is not None:
        client.force_login(signed_in)
    return client


def _stated(site: Client, text: str, number: int) -> Iterator[tuple[str, str | None]]:
    """State articles with the text in one field each; yield what the CMS is given back, None where it was refused."""
    sound = {
        "url": f"http://localhost:8001/nasty-{number}", "title": "T", "demand": "free", "body": "B",
        "published_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    for name in ("title", "section", "teaser", "body", "url", "tags", "authors"):
        value: object = [text] if name in {"tags", "authors"} else text
        where = f"/api/v1/articles/nasty-{number}"
        answer = site.put(where, {**sound, name: value}, content_type="application/json")
        if answer.status_code == 400 and (name in answer.json().get("errors", ()) or _is_half(text)):
            yield name, None
            continue
        assert answer.status_code in {200, 201}, (name, text, answer.content)
        stored = getattr(Article.objects.get(pk=f"nasty-{number}"), name)
        yield name, stored[0] if isinstance(stored, list) else stored


def _made(staff: Client, text: str, number: int) -> Iterator[tuple[str, str | None]]:
    """Make products with the text in one field each, as staff do; yield what is stored, None where it was refused."""
    for name in ("name", "description"):
        slug = f"p-{number}-{name}"
        body = doors.encoded({"name": "N", "slug": slug, "description": "D", name: text})
        answer = staff.generic(
            "POST", reverse("admin:paywall_product_add"), body, "application/x-www-form-urlencoded"
        )
        made = Product.objects.filter(slug=slug).first()
        if made is None:
            assert b"errorlist" in answer.content, (name, text, answer.status_code)
        yield name, getattr(made, name) if made is not None else None


def _is_half(text: str) -> bool:
    """Tell whether the whole body is refused for this, as JSON that nobody can read."""
    return any("\ud800" <= letter <= "\udfff" for letter in text)


def _as_form(text: str) -> set[str]:
    """Return what a form makes of half characters: no browser can send them."""
    whole = text.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    return {whole, whole.strip()}


def _mails_are_sound() -> int:
    """Send whatever was queued, and hold its headers against what was meant; return how many there were."""
    mail.outbox.clear()
    for row in Mail.objects.filter(state=Mail.State.QUEUED):
        emails.deliver(row.pk, now=row.next_attempt_at)
    for sent in mail.outbox:
        message = sent.message()
        assert nasty.HEADER not in message
        assert message["Bcc"] is None
        assert len(sent.recipients()) == 1
        assert not any(letter in str(message["Subject"]) for letter in "\r\n")
    return len(mail.outbox)
