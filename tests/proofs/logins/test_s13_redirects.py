"""The proof that nobody is sent elsewhere by an address that we were given, nor by a host that we were called."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import Client

from accounts.models import Mail, User
from tests.accounts.mailbox import last_code
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.logins import detours
from tests.proofs.logins.landing import links, origin

HERE = "http://testserver"
SECRET = "correct horse battery"
LOGIN, CODE = "/account/login/", "/account/login/code/confirm/"
SIGNUP, PROVE = "/account/signup/", "/account/confirm-email/"
LOGOUT, RESET, AGAIN = "/account/logout/", "/account/password/reset/", "/account/reauthenticate/"
Walk = Callable[[str], list[Any]]
# Each door gets every so manieth address, and another one first; so each address comes to many doors.
SHARE, LONG_SHARE = extent(ordinary=47, full=2), extent(ordinary=150, full=12)
HEADERS = list(detours.headers())[:: extent(ordinary=10, full=1)]
PAGES = (LOGIN, "/api/v1/session", "/health/live", "/", "/_allauth/app/v1/config", "/admin/", "/account/")
_ADDRESS = re.compile(r"https?://[^\s\"'<>)]+")
_numbers = count(1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def corpus() -> list[str]:
    """Every address that is tried, once."""
    return list(
        dict.fromkeys(detours.targets(site=settings.SITE_URL, allowed=settings.CORS_ALLOWED_ORIGINS[0]))
    )


@dataclass(frozen=True, slots=True)
class Door:
    """A page that is told where somebody wants to go afterwards; `walk` goes through and returns every answer."""

    name: str
    walk: Walk
    is_long: bool = False  # several requests, so a share of the corpus in an ordinary run


def anybody() -> Client:
    """Return a stranger from a network that nobody has seen."""
    number = next(_numbers)
    return Client(REMOTE_ADDR=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}")


def test_s13_nobody_is_sent_elsewhere_by_an_address(corpus: list[str], figure: Figure) -> None:
    elsewhere, asked, doors = list[str](), 0, list(_doors())
    for number, door in enumerate(doors):
        for target in corpus[number :: LONG_SHARE if door.is_long else SHARE]:
            asked += 1
            for answer in door.walk(target):
                assert answer.status_code < 500 or answer.status_code == 503, (door.name, target)
                elsewhere += [
                    f"{door.name} {target!r}: {where}" for where in _places(answer) if not _is_ours(where)
                ]
    figure(
        "S13",
        f"{len(corpus)} addresses, {len(doors)} doors, {asked} walks: {len(elsewhere)} lead elsewhere",
        target=">= 100 addresses, 0",
    )
    assert len(corpus) >= 100
    assert not elsewhere, "\n".join(elsewhere[:50])


def test_s13_no_host_but_ours_is_answered(figure: Figure) -> None:
    paths, names = PAGES[: extent(ordinary=3, full=7)], list(detours.hosts())
    answered = [
        f"{host!r} {path}: {answer.status_code}"
        for host in names
        for path in paths
        if (answer := Client(HTTP_HOST=host).get(path)).status_code != 400
    ]
    figure(
        "S13", f"{len(names)} hosts x {len(paths)} pages: {len(answered)} answered", target=">= 20 hosts, 0"
    )
    assert len(names) >= 20
    assert not answered, answered


def test_s13_mails_and_answers_hold_our_origin_only(figure: Figure) -> None:
    told, mails, answers = list[str](), 0, 0
    for headers in HEADERS:
        cache.clear()
        for answer in _every_mail(headers):
            answers += 1
            text = str(answer.headers) + answer.content.decode()
            told += [f"{headers}: {answer.request['PATH_INFO']}"] if detours.EVIL in text else []
        for mail in Mail.objects.all():
            mails += 1
            text = " ".join((mail.subject, mail.text, mail.html))
            told += [
                f"{headers}: {mail.kind} {found}" for found in _ADDRESS.findall(text) if not _is_site(found)
            ]
            told += [f"{headers}: {mail.kind} names it"] if detours.EVIL in text else []
        Mail.objects.all().delete()
    figure(
        "S13",
        f"{len(HEADERS)} headers: {mails} mails, {answers} answers, {len(told)} name another host",
        target="0",
    )
    assert not told, told
    assert mails > 3 * len(HEADERS)


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("/account/", HERE),
        ("//evil.example", "http://evil.example"),
        ("/\\evil.example", "http://evil.example"),
        ("\\\\evil.example", "http://evil.example"),
        ("/\t/evil.example", "http://evil.example"),
        (" \x01//evil.example", "http://evil.example"),
        ("///evil.example", "http://evil.example"),
        ("https:evil.example", "https://evil.example"),
        ("http:evil.example", HERE),
        ("http:\\\\evil.example", "http://evil.example"),
        ("http://localhost:8000@evil.example/x", "http://evil.example"),
        ("//evil\u3002example", "http://evil.example"),
        ("//evil.example?@localhost", "http://evil.example"),
        ("java\nscript:alert(1)", "javascript:"),
        ("?//evil.example", HERE),
        ("/%09//evil.example", HERE),
    ],
)
def test_s13_the_landing_is_that_of_a_browser(address: str, place: str) -> None:
    assert origin(address, base=HERE) == place


def test_s13_links_in_pages_are_found() -> None:
    page = (
        '<a href="//a"><form action="b"><meta http-equiv="refresh" content="3; url=c"><button formaction="d">'
    )
    assert links(page) == ["//a", "b", "c", "d"]


def _doors() -> Iterator[Door]:
    signed_in = anybody()
    signed_in.force_login(a_reader(password=SECRET), backend=settings.AUTHENTICATION_BACKENDS[0])
    for path in (LOGIN, SIGNUP, "/account/login/code/", LOGOUT, "/admin/login/", RESET):
        yield Door(f"GET {path}", _get(path))
    for path in (LOGIN, SIGNUP, "/account/login/code/", LOGOUT, AGAIN, "/account/email/"):
        yield Door(f"GET {path} signed in", _get(path, client=signed_in))
    for path in ("/account/subscribe/", "/account/card/"):
        yield Door(f"GET {path}", _get(path, "return_url", client=signed_in))
        yield Door(f"POST {path}", _post(path, "return_url", client=signed_in, price="none"))
    yield Door("GET /account/return/", _get("/account/return/?form=card", "return_url", client=signed_in))
    for path, more in (("/api/v1/checkout", {"price": "none"}), ("/api/v1/card", {})):
        yield Door(f"POST {path}", _call(path, signed_in, **more))
    yield Door(f"POST {LOGOUT}", _post(LOGOUT))
    yield Door("POST /i18n/setlang/", _post("/i18n/setlang/", language="de"))
    yield Door("language, by referrer", _by_referrer)
    for walk in (
        _by_password,
        _by_code,
        _by_sign_up,
        _by_reset,
        _with_the_password_again,
        _by_change_of_address,
    ):
        yield Door(walk.__name__, walk, is_long=True)
    yield Door("staff", _as_staff, is_long=True)


def _get(path: str, name: str = "next", *, client: Client | None = None) -> Walk:
    address = f"{path}&" if "?" in path else f"{path}?"
    return lambda target: [(client or anybody()).get(f"{address}{urlencode({name: target})}")]


def _post(path: str, name: str = "next", *, client: Client | None = None, **more: str) -> Walk:
    return lambda target: [(client or anybody()).post(path, {**more, name: target})]


def _call(path: str, client: Client, **more: str) -> Walk:
    return lambda target: [client.post(path, {**more, "return_url": target}, content_type="application/json")]


def _by_referrer(target: str) -> list[Any]:
    headers = {"Referer": target.encode("latin-1", "replace").decode("latin-1")}
    return [anybody().post("/i18n/setlang/", {"language": "de"}, headers=headers)]


def _by_password(target: str) -> list[Any]:
    return _signing_in(a_reader(password=SECRET), LOGIN, target)


def _as_staff(target: str) -> list[Any]:
    return _signing_in(a_member_of_staff(password=SECRET), "/admin/login/", target)


def _signing_in(reader: User, path: str, target: str) -> list[Any]:
    client = anybody()
    body = {"login": reader.email, "password": SECRET, "next": target}
    return [client.get(path, {"next": target}), client.post(LOGIN, body), client.get(path, {"next": target})]


def _by_code(target: str) -> list[Any]:
    client, reader = anybody(), a_reader()
    sent = client.post(LOGIN, {"login": reader.email, "next": target})
    typed = {"code": last_code(reader.email), "next": target}
    return [sent, client.get(sent["Location"]), client.post(CODE, typed)]


def _by_sign_up(target: str) -> list[Any]:
    client, email = anybody(), f"new{next(_numbers)}@example.org"
    sent = client.post(SIGNUP, {"email": email, "next": target})
    typed = {"code": last_code(email), "next": target}
    return [sent, client.get(PROVE, {"next": target}), client.post(PROVE, typed)]


def _by_reset(target: str) -> list[Any]:
    client, reader = anybody(), a_reader()
    sent = client.post(RESET, {"email": reader.email, "next": target})
    typed = {"code": last_code(reader.email), "next": target}
    new = {"password1": "another horse battery", "password2": "another horse battery", "next": target}
    return [sent, client.post(f"{RESET}confirm/", typed), client.post(f"{RESET}complete/", new)]


def _with_the_password_again(target: str) -> list[Any]:
    client, reader = anybody(), a_reader(password=SECRET)
    client.post(LOGIN, {"login": reader.email, "password": SECRET})
    asked = client.post(f"{AGAIN}?{urlencode({'next': target})}", {"password": SECRET})
    return [asked, client.post(AGAIN, {"password": SECRET, "next": target})]


def _by_change_of_address(target: str) -> list[Any]:
    client, new = anybody(), f"new{next(_numbers)}@example.org"
    reader = a_reader()
    client.post(LOGIN, {"login": reader.email})
    client.post(CODE, {"code": last_code(reader.email)})
    sent = client.post("/account/email/", {"email": new, "action_add": "", "next": target})
    return [sent, client.post(PROVE, {"code": last_code(new), "next": target})]


def _places(answer: Any) -> list[str]:
    """Return where an answer sends its reader, at once, after a while or by a link."""
    found = [answer[name] for name in ("Location", "Content-Location") if name in answer.headers]
    found += [answer["Refresh"].partition("=")[2]] if "Refresh" in answer.headers else []
    if "html" in answer.get("Content-Type", ""):
        found += links(answer.content.decode())
    return [address for address in found if not address.startswith("data:image/svg+xml")]


def _is_ours(address: str) -> bool:
    return origin(address, base=HERE) in {HERE, settings.SITE_URL, *settings.CORS_ALLOWED_ORIGINS}


def _is_site(address: str) -> bool:
    return origin(address, base=HERE) == settings.SITE_URL


def _every_mail(headers: dict[str, str]) -> Iterator[Any]:
    """Have every mail about an account written by requests with these headers; yield the answers."""
    email = f"mails{next(_numbers)}@example.org"
    told = {"headers": headers}
    yield anybody().post(SIGNUP, {"email": email}, **told)
    reader = a_reader(f"known{next(_numbers)}@example.org")
    yield anybody().post(SIGNUP, {"email": reader.email}, **told)
    yield anybody().post(RESET, {"email": reader.email}, **told)
    yield anybody().post(
        "/_allauth/app/v1/auth/signup", {"email": reader.email}, content_type="application/json", **told
    )
    client = anybody()
    yield client.post(LOGIN, {"login": reader.email}, **told)
    yield client.post(CODE, {"code": last_code(reader.email)}, **told)
    new = f"new{next(_numbers)}@example.org"
    yield client.post("/account/email/", {"email": new, "action_add": ""}, **told)
    yield client.post(PROVE, {"code": last_code(new)}, **told)
    for path in ("/account/", "/api/v1/session", "/_allauth/browser/v1/config", "/api/v1/plans", "/nowhere/"):
        yield client.get(path, **told)
