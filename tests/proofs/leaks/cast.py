"""A small town for scans: marked articles, readers of every kind with all that a reader can have, staff, a site.

Made anew in the database of each test, from the same seed, so that two tests see the same town.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from allauth.account.models import EmailAddress
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.utils import quote
from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.test import Client

from accounts.models import Mail, User
from billing import comps, gift_codes, subscribing
from billing.models import (
    Alert,
    CheckoutAttempt,
    Cursor,
    DayPass,
    Dispute,
    Invoice,
    OutboundCall,
    Present,
    ReconcileRun,
    Refund,
    RefundOrder,
    Seat,
    StripeEvent,
)
from paywall import keys, robots, rules
from paywall.models import Article, CrawlerList, CrawlerPolicy, CrawlerProof, Gift
from tests.billing.market import served
from tests.factories.accounts import a_mail, a_member_of_staff, a_reader
from tests.factories.billing import Shop, a_shop
from tests.factories.paywall import DAY, NOON, article, entitle, failed, gift, grant, institution, product
from tests.paywall.conftest import SITE
from tests.proofs.leaks import leaks

PUBLISHED = "harbour-vote"
ARTICLES = (PUBLISHED, "embargoed", "tomorrow", "withdrawn")
BACK = "http://localhost:8001/harbour-vote"


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks: what each of their requests carries."""

    name: str
    headers: Mapping[str, str] = field(default_factory=dict)
    session: str = ""
    query: str = ""
    may_read: bool = False


@dataclass(slots=True)
class Town:
    """All there is."""

    shop: Shop
    ann: User  # a subscriber
    ben: User  # another one, with everything that a reader can have
    stripe: str = ""  # where its Stripe stand-in answers
    callers: dict[str, Caller] = field(default_factory=dict)

    def caller(self, name: str) -> Caller:
        """Return somebody by name."""
        return self.callers[name]


@contextmanager
def open_town() -> Iterator[Town]:
    """Found a town and serve its Stripe stand-in on a loopback port."""
    town = _founded()
    with served(town.shop.sandbox) as town.stripe:
        yield town


def _founded() -> Town:
    cache.clear()
    article(PUBLISHED, body=leaks.body(PUBLISHED))
    article("embargoed", body=leaks.body("embargoed"), embargo_until=NOON + DAY)
    article("tomorrow", body=leaks.body("tomorrow"), published_at=NOON + DAY)
    article("withdrawn", body=leaks.body("withdrawn"), unpublished_at=NOON - DAY / 2)
    shop = a_shop(seed="town")
    ann = a_reader("ann@readers.example")
    ben = a_reader("ben@readers.example")
    for reader in (ann, ben):
        _subscribe(shop, reader)
    shop.tell()
    StripeEvent.objects.update(state=StripeEvent.State.DONE)
    _give_everything(ben)
    _leave_records(ben)
    _give_money_back(ben)
    town = Town(shop=shop, ann=ann, ben=ben)
    town.callers = {caller.name: caller for caller in (*_readers(town), *_staff(), *_outsiders(town))}
    return town


def samples() -> dict[str, str]:
    """Return values for the parts of addresses: of every kind of row that the admin shows, one that exists."""
    found = {
        "article_id": PUBLISHED,
        "gift_id": Gift.objects.get().key,
        "app_label": "paywall",
        "url": "nowhere/",
        "content_type_id": str(ContentType.objects.get_for_model(Article).pk),
        "admin/r/<content_type_id>/object_id": PUBLISHED,
        "account/mfa/webauthn/keys/pk": "1",
    }
    for model in admin.site._registry:
        row = model._default_manager.order_by("pk").first()
        assert row is not None, (
            f"The town has no {model.__name__}; give it one, so that its pages can be asked for."
        )
        options = model._meta
        found[f"admin/{options.app_label}/{options.model_name}/object_id"] = str(quote(row.pk))
    return found


def _subscribe(shop: Shop, reader: User) -> None:
    customer = shop.customer(reader)
    assert shop.subscribe(customer.stripe_id) is not None
    shop.sync(customer)


def _give_everything(ben: User) -> None:
    TOTP.activate(ben, generate_totp_secret())
    RecoveryCodes.activate(ben)
    price = ben.customers.get().subscriptions.get().items.get().price
    assert price is not None
    CheckoutAttempt.objects.create(
        reader=ben,
        price=price,
        key="ca_of_ben",
        return_url=BACK,
        session_id="cs_test_of_ben",
        started_at=NOON,
    )
    mail = a_mail(to=ben.email, now=NOON, dedup_key="of-ben")
    Mail.objects.filter(pk=mail.pk).update(reader=ben)
    assert subscribing.attempt_of(ben, "ca_of_ben") is not None


def _leave_records(ben: User) -> None:
    """One row of everything else that staff can look at."""
    Cursor.objects.get_or_create(name="events", defaults={"position": "evt_1", "moved_at": NOON})
    OutboundCall.objects.create(purpose="test", subject="nobody", key="oc_1", started_at=NOON)
    ReconcileRun.objects.create(started_at=NOON)
    Group.objects.create(name="Desk")
    keys.signer(now=NOON)
    Seat.objects.create(
        subscription=ben.customers.get().subscriptions.get(),
        email="friend@readers.example",
        invited_at=NOON,
        expires_at=NOON + DAY,
    )
    comps.give(ben, products=["premium"], until=NOON + DAY, reason="A prize", by=ben, now=NOON)
    DayPass.objects.create(
        stripe_id="pi_of_ben", customer=ben.customers.get(), products=["premium"], hours=24, amount=250,
        currency="eur", status="canceled",
    )  # fmt: skip
    Present.objects.create(
        key="present_of_ben", wish="of_ben", products=["premium"], months=6, amount=5900, currency="eur", giver=ben,
        giver_email=ben.email, session_id="cs_test_present_of_ben", made_at=NOON, looked_at=NOON, paid_at=NOON,
        code_digest=gift_codes.digest_of(gift_codes.of("present_of_ben")),
    )  # fmt: skip
    gift(ben, article=Article.objects.get(pk=PUBLISHED))
    rules.draft(name="Never published: it would open nothing", now=NOON)
    institution("192.0.2.0/24", domains=["uni.example"])
    # Proven crawlers read everything; those of the town are none.
    CrawlerPolicy.objects.create(kind="search", shown="full")
    CrawlerList.objects.create(url=robots.KNOWN[0].lists[0], networks=["66.249.64.0/19"], due_at=NOON + DAY)
    CrawlerProof.objects.create(
        crawler="bingbot",
        address="157.55.39.1",
        is_proven=True,
        host="1.search.msn.com",
        expires_at=NOON + DAY,
    )
    EmailAddress.objects.get_or_create(
        user=ben, email=ben.email, defaults={"verified": True, "primary": True}
    )
    LogEntry.objects.create(
        user=ben,
        content_type=ContentType.objects.get_for_model(Article),
        object_id=PUBLISHED,
        object_repr="The harbour votes",
        action_flag=CHANGE,
        change_message="Looked at.",
    )


def _give_money_back(ben: User) -> None:
    """What went back of Ben's money, in every way that staff can look at."""
    invoice = Invoice.objects.filter(customer__reader=ben).first()
    assert invoice is not None
    customer, money = invoice.customer, {"amount": 100, "currency": "eur", "created_at": NOON}
    Refund.objects.create(
        stripe_id="re_of_ben", customer=customer, invoice=invoice, status="succeeded", **money
    )
    Dispute.objects.create(
        stripe_id="du_of_ben", customer=customer, invoice=invoice, status="needs_response", **money
    )
    RefundOrder.objects.create(
        key="refund-of-ben",
        invoice=invoice,
        amount=100,
        reason="asked",
        access="keep",
        state="done",
        started_at=NOON,
    )
    Alert.objects.create(kind="dispute", about="du_of_ben", customer=customer, opened_at=NOON)


def _readers(town: Town) -> list[Caller]:
    lapsed, failing, elsewhere, nobody = (
        a_reader(f"{name}@readers.example") for name in ("lapsed", "failing", "elsewhere", "nobody")
    )
    entitle(lapsed, grant(ends_at=NOON))
    entitle(failing, failed())
    product("culture")
    entitle(elsewhere, grant(product="culture"))
    blocked = a_reader("blocked@readers.example")
    entitle(blocked, grant())
    was_signed_in = _signed_in("blocked", blocked)
    User.objects.filter(pk=blocked.pk).update(is_active=False)
    return [
        _signed_in("subscriber", town.ann, may_read=True),
        _signed_in("other subscriber", town.ben, may_read=True),
        _signed_in("reader", nobody),
        _signed_in("lapsed", lapsed),
        _signed_in("card failed", failing),
        _signed_in("wrong plan", elsewhere),
        was_signed_in,
        Caller("site for another reader", headers=SITE, query=f"reader={nobody.public_id}"),
        Caller("site for a blocked reader", headers=SITE, query=f"reader={blocked.public_id}"),
    ]


def _staff() -> list[Caller]:
    support = a_reader("support@desk.example", is_staff=True)
    editor = a_reader("editor@desk.example", is_staff=True)
    editor.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    return [
        _signed_in("support", support, may_read=True),
        _signed_in("editor", editor, may_read=True),
        _signed_in("superuser", a_member_of_staff("chief@desk.example"), may_read=True),
    ]


def _outsiders(town: Town) -> list[Caller]:
    google = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
    forged = {
        "X-Forwarded-For": "66.249.66.1, 127.0.0.1",
        "X-Real-IP": "127.0.0.1",
        "X-Original-URI": f"/{PUBLISHED}",
        "X-Forwarded-Uri": f"/{PUBLISHED}",
        "X-Remote-User": town.ann.email,
        "X-User": town.ann.public_id,
        "X-Paywall-Access": "full",
        "X-Device-Id": "somebody:else",
        "Referer": "https://www.google.com/",
        "Cookie": f"reader={town.ann.public_id}; entitled=1; device=somebody:else",
    }
    return [
        Caller("stranger"),
        Caller("stranger who names a reader", query=f"reader={town.ann.public_id}"),
        Caller(
            "Googlebot by its own word", headers={"User-Agent": google, "From": "googlebot(at)googlebot.com"}
        ),
        Caller("forged headers", headers=forged),
        Caller("wrong token", headers={"X-Session-Token": "0" * 32}),
        Caller("wrong bearer", headers={"Authorization": "Bearer " + "0" * 32}),
        Caller("wrong key", headers={"Authorization": "Api-Key wrong"}),
        Caller("site", headers=SITE),
    ]


def _signed_in(name: str, who: User, *, may_read: bool = False) -> Caller:
    browser = Client()
    browser.force_login(who, backend=settings.AUTHENTICATION_BACKENDS[0])
    return Caller(name, session=browser.cookies[settings.SESSION_COOKIE_NAME].value, may_read=may_read)
