"""The proof that no reader reaches what is another's: by no id, session, attempt, name or number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from accounts.models import Mail, Session, User
from accounts.session_store import Door, SessionStore
from billing import cards, invoices, outlook, subscribing
from billing.models import CheckoutAttempt, Customer, Invoice, OpenProduct, PaymentMethod, Subscription
from paywall.models import Entitlement, Gift
from tests.billing.market import BACK, Market
from tests.factories.accounts import a_mail, a_reader
from tests.factories.paywall import article, gift
from tests.proofs.conftest import Figure
from tests.proofs.leaks import leaks

pytestmark = pytest.mark.django_db

JSON = "application/json"
BROWSER, APP = "/_allauth/browser/v1", "/_allauth/app/v1"


@dataclass(frozen=True, slots=True)
class Try:
    """One way at what is Ben's. `reached` tells from the answer; what it changed is seen in what Ben holds."""

    name: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    form: Mapping[str, str] | None = None
    reached: Callable[[str], bool] = lambda _content: False
    status: int | None = None  # what Ann has to get, where only one answer is right


@dataclass(slots=True)
class Two:
    """Ann, who tries, and Ben, who has something of everything."""

    market: Market
    ann: User
    ben: User
    ids: dict[str, Any]


@pytest.fixture
def two(market: Market) -> Two:
    """Both subscribe; Ben also has a card form and a Checkout open, a second factor, a key and another session."""
    story = article(body=leaks.body("harbour-vote"))
    ann, ben = a_reader("ann@readers.example"), a_reader("ben@readers.example")
    market.buy(ann, "culture_monthly")
    market.buy(ben, "premium_monthly")
    open_attempt = subscribing.start(
        ben, price="culture_monthly", return_url=f"{BACK}?of=ben", gateway=market.gateway, now=market.now
    )
    attempt = CheckoutAttempt.objects.get(reader=ben, key=open_attempt.attempt)
    form = cards.start_form(ben, return_url=BACK, gateway=market.gateway, now=market.now)
    TOTP.activate(ben, generate_totp_secret())
    key = Authenticator.objects.create(
        user=ben, type=Authenticator.Type.WEBAUTHN, data={"name": "Ben's key", "credential": {}}
    )
    mail = a_mail(to=ben.email, now=market.now)
    Mail.objects.filter(pk=mail.pk).update(reader=ben)
    ids = {
        "attempt": attempt.key,
        "session": attempt.session_id,
        "form": form.rstrip("/").rsplit("/", 1)[-1],
        "subscription": outlook.every(ben, now=market.now)[0].id,
        "stripe": Subscription.objects.get(customer__reader=ben).stripe_id,
        "customer": Customer.objects.get(reader=ben).stripe_id,
        "invoice": Invoice.objects.get(customer__reader=ben).number,
        "cursor": invoices._cursor(Invoice(pk=10**9, created_at=market.now)),
        "public": ben.public_id,
        "pk": ben.pk,
        "key": key.pk,
        "gift": gift(ben, article=story, now=market.now).key,
    }
    two = Two(market=market, ann=ann, ben=ben, ids=ids)
    ids["login"] = _session_of(ben)
    return two


def _session_of(reader: User) -> str:
    """Sign in somewhere; return the id that the reader's list of sessions shows."""
    browser = _signed_in(reader)
    return SessionStore().stored_key(browser.cookies[settings.SESSION_COOKIE_NAME].value)


def _signed_in(reader: User) -> Client:
    """Return a browser in which `reader` has just proven who they are, so that nothing asks again."""
    browser = Client(raise_request_exception=False)
    browser.force_login(reader, backend=settings.AUTHENTICATION_BACKENDS[0])
    session = browser.session
    proof = {"method": "password", "at": timezone.now().timestamp(), "reauthenticated": True}
    session["account_authentication_methods"] = [proof]
    session["account_authentication_methods_user"] = str(reader.pk)
    session.save()
    return browser


def tries(two: Two) -> Iterator[Try]:
    """Yield every way at what is Ben's."""
    its = two.ids
    yield from _at_his_payments(its)
    yield from _at_his_reading(its)
    yield from _at_his_account(two)
    for model in (
        "accounts/user",
        "billing/customer",
        "billing/invoice",
        "mfa/authenticator",
        "accounts/mail",
    ):
        yield Try(f"admin {model}", "GET", f"/admin/{model}/{its['pk']}/change/", status=302)


def _at_his_payments(its: dict[str, Any]) -> Iterator[Try]:
    home = f"attempt={its['attempt']}&session_id={its['session']}"
    yield Try("his way back from Checkout", "GET", f"/account/return/?{home}", status=404)
    yield Try("his card form", "GET", f"/account/return/?form&session_id={its['form']}", status=404)
    yield Try(
        "his session as an attempt of mine",
        "GET",
        f"/account/return/?session_id={its['session']}",
        status=404,
    )
    yield Try(
        "where his attempt leads", "GET", f"/account/subscribe/?attempt={its['attempt']}",
        reached=lambda page: "of=ben" in page,
    )  # fmt: skip
    for name in ("subscription", "stripe", "customer"):
        for verb in ("cancel", "resume"):
            body = {"subscription": str(its[name])}
            yield Try(f"{verb} his {name}", "POST", f"/api/v1/subscription/{verb}", body)
            yield Try(f"{verb} his {name} by form", "POST", f"/account/{verb}/", form=body)
        yield Try(
            f"the page of his {name}", "GET", f"/account/cancel/?subscription={its[name]}",
            reached=lambda page: "Premium" in page,
        )  # fmt: skip
    for query in ("", f"?cursor={its['cursor']}", f"?reader={its['public']}", f"?customer={its['customer']}"):
        yield Try(
            f"his invoices {query[:8]}",
            "GET",
            f"/api/v1/invoices{query}",
            reached=lambda page: its["invoice"] in page,
        )
    for path in ("/api/v1/subscription", "/account/", "/account/card/"):
        yield Try(
            f"his contract at {path}", "GET", f"{path}?reader={its['public']}",
            reached=lambda page: "Premium" in page or its["invoice"] in page,
        )  # fmt: skip
    buy = {
        "price": "culture_yearly",
        "return_url": BACK,
        "reader": its["public"],
        "customer": its["customer"],
    }
    yield Try("a Checkout in his name", "POST", "/api/v1/checkout", buy, status=400)
    yield Try(
        "a card form in his name",
        "POST",
        "/api/v1/card",
        {"return_url": BACK, "customer": its["customer"]},
        status=400,
    )


def _at_his_reading(its: dict[str, Any]) -> Iterator[Try]:
    named = f"?reader={its['public']}"
    for path in ("", "/access"):
        yield Try(
            f"his access{path}", "GET", f"/api/v1/articles/harbour-vote{path}{named}",
            reached=lambda content: '"full"' in content,
        )  # fmt: skip
    yield Try(
        "his reading", "POST", f"/api/v1/articles/harbour-vote/read{named}", {},
        reached=lambda content: bool(leaks.find(content)),
    )  # fmt: skip
    yield Try(
        "his front page", "POST", f"/api/v1/access{named}", {"articles": ["harbour-vote"]},
        reached=lambda content: '"full"' in content,
    )  # fmt: skip
    yield Try("his gift", "DELETE", f"/api/v1/gifts/{its['gift']}", status=404)
    yield Try(
        "his gifts", "GET", f"/api/v1/gifts{named}",
        reached=lambda content: its["gift"] in content,
    )  # fmt: skip
    yield Try("his explanation", "GET", f"/api/v1/articles/harbour-vote/explain{named}", status=403)
    yield Try("his timeline", "GET", f"/api/v1/articles/harbour-vote/timeline{named}", status=403)


def _at_his_account(two: Two) -> Iterator[Try]:
    its, ben = two.ids, two.ben
    yield Try("his session", "DELETE", f"{BROWSER}/auth/sessions", {"sessions": [its["login"]]})
    yield Try("his session by form", "POST", "/account/sessions/", form={"end": its["login"]})
    yield Try(
        "his key", "DELETE", f"{BROWSER}/account/authenticators/webauthn", {"authenticators": [its["key"]]}
    )
    yield Try(
        "the name of his key",
        "PUT",
        f"{BROWSER}/account/authenticators/webauthn",
        {"id": its["key"], "name": "x"},
    )
    for verb in ("remove", "edit"):
        yield Try(
            f"{verb} his key",
            "POST",
            f"/account/mfa/webauthn/keys/{its['key']}/{verb}/",
            form={"name": "x"},
            status=404,
        )
        yield Try(
            f"{verb} his key, seen", "GET", f"/account/mfa/webauthn/keys/{its['key']}/{verb}/", status=404
        )
    yield Try("his second factor", "DELETE", f"{BROWSER}/account/authenticators/totp", {})
    yield Try(
        "his codes", "GET", f"{BROWSER}/account/authenticators/recovery-codes?user={its['pk']}",
        reached=lambda content: "unused_codes" in content,
    )  # fmt: skip
    for method in ("PATCH", "DELETE", "PUT"):
        yield Try(
            f"his address, {method}",
            method,
            f"{BROWSER}/account/email",
            {"email": ben.email, "primary": True},
        )
    for action in ("action_remove", "action_primary", "action_send"):
        yield Try(f"his address, {action}", "POST", "/account/email/", form={action: "", "email": ben.email})
    yield Try("his account", "DELETE", f"/api/v1/me/?reader={its['public']}", status=404)
    yield Try(
        "who he is",
        "GET",
        f"/api/v1/session?reader={its['public']}",
        reached=lambda content: its["public"] in content,
    )


def holdings(two: Two) -> dict[str, list[dict[str, Any]]]:
    """Return all that Ben holds, here and at Stripe."""
    ben = two.ben
    rows: dict[str, Any] = {
        "account": User.objects.filter(pk=ben.pk),
        "sessions": Session.objects.filter(reader=ben),
        "addresses": EmailAddress.objects.filter(user=ben),
        "factors": Authenticator.objects.filter(user=ben),
        "mails": Mail.objects.filter(reader=ben),
        "gifts": Gift.objects.filter(giver=ben),
        "rights": Entitlement.objects.filter(reader=ben),
        "customer": Customer.objects.filter(reader=ben),
        "subscriptions": Subscription.objects.filter(customer__reader=ben),
        "invoices": Invoice.objects.filter(customer__reader=ben),
        "cards": PaymentMethod.objects.filter(customer__reader=ben),
        "attempts": CheckoutAttempt.objects.filter(reader=ben),
        "products": OpenProduct.objects.filter(reader=ben),
    }
    held = {name: list(query.order_by("pk").values()) for name, query in rows.items()}
    customer = two.ids["customer"]
    for kind in ("subscription", "checkout.session", "invoice", "payment_method"):
        held[kind] = [one for one in two.market.objects(kind) if one.get("customer") == customer]
    return held


def test_s3_a_reader_reaches_nothing_of_another(two: Two, figure: Figure) -> None:
    before, ann, reached = holdings(two), _signed_in(two.ann), []
    asked = list(tries(two))
    for one in asked:
        answer = _go(ann, one)
        content = answer.content.decode(errors="replace")
        if one.reached(content) or answer.status_code >= 500:
            reached.append((one.name, answer.status_code))
        if one.status is not None and answer.status_code != one.status:
            reached.append((one.name, answer.status_code))
        if holdings(two) != before:
            reached.append((one.name, "changed what he holds"))
            before = holdings(two)
        if not User.objects.filter(pk=two.ann.pk, is_active=True).exists():
            pytest.fail(f"{one.name}: Ann closed her own account")
    figure(
        "S3", f"{len(asked)} ways of one reader at what is another's: {len(reached)} lead there", target="0"
    )
    assert reached == []


def test_s3_the_same_ways_lead_their_owner_there(two: Two) -> None:
    """Ben himself gets through, so what kept Ann out was who she is."""
    ben = _signed_in(two.ben)
    ways = {one.name: one for one in tries(two)}
    shown = (
        "where his attempt leads", "the page of his subscription", "his invoices ", "who he is",
        "his contract at /api/v1/subscription", "his access", "his access/access", "his reading", "his front page",
        "his gifts",
    )  # fmt: skip
    for name in shown:
        assert ways[name].reached(_go(ben, ways[name]).content.decode()), name
    doing = (
        "his gift", "his session", "his key", "cancel his subscription", "resume his subscription", "his second factor",
        "his way back from Checkout", "his card form",
    )  # fmt: skip
    for name in doing:
        if name == "his way back from Checkout":
            two.market.sandbox.complete_checkout(two.ids["session"])
        if name == "his card form":
            two.market.sandbox.complete_checkout(two.ids["form"])
        before = holdings(two)
        answer = _go(ben, ways[name])
        assert answer.status_code < HTTPStatus.BAD_REQUEST, (name, answer.status_code, answer.content)
        assert holdings(two) != before, name


def _go(client: Client, one: Try) -> Any:
    if one.form is not None:
        return client.post(one.path, one.form)
    body = {"data": json.dumps(one.body)} if one.body is not None else {}
    return client.generic(one.method, one.path, content_type=JSON, **body)


def test_s3_a_token_opens_by_its_own_door_only(two: Two) -> None:
    """The id that a list of sessions shows opens nothing, a cookie is no token, and a token is no cookie."""
    cookie = _signed_in(two.ben).cookies[settings.SESSION_COOKIE_NAME].value
    store = SessionStore(door=Door.HEADER)
    store.update(Client().session)
    browser = _signed_in(two.ben)
    tokens = {"the id in the list": two.ids["login"], "a cookie": cookie, "its first half": cookie[:16]}
    for name, token in tokens.items():
        for headers in ({"X-Session-Token": token}, {"Authorization": f"Bearer {token}"}):
            answer = Client().get("/api/v1/subscription", headers=headers)
            assert answer.status_code == HTTPStatus.UNAUTHORIZED, name
    assert browser.get("/api/v1/subscription").status_code == HTTPStatus.OK


def test_s3_a_code_opens_only_where_it_was_asked_for(two: Two) -> None:
    elsewhere, here = Client(), Client()
    elsewhere.post(f"{BROWSER}/auth/code/request", {"email": two.ben.email}, content_type=JSON)
    here.post(f"{BROWSER}/auth/code/request", {"email": two.ann.email}, content_type=JSON)
    code = _code_to(two.ben)
    assert here.post(f"{BROWSER}/auth/code/confirm", {"code": code}, content_type=JSON).status_code == 400
    answer = elsewhere.post(f"{BROWSER}/auth/code/confirm", {"code": code}, content_type=JSON)
    assert answer.status_code in {200, 401}  # 401: his second factor is asked for next
    assert "mfa_authenticate" in answer.content.decode() or answer.status_code == 200


def _code_to(reader: User) -> str:
    mail: Model | None = Mail.objects.filter(to=reader.email).exclude(kind="test").latest("queued_at")
    assert isinstance(mail, Mail)
    digits = [word for word in mail.text.split() if word.isdigit() and len(word) == 6]
    return digits[0]
