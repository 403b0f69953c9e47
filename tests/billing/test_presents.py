"""Gift subscriptions: paid once, redeemed once, never charging the recipient; whoever guesses codes learns nothing."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts import clock, closing
from accounts.models import Mail, User
from billing import (
    catalogue,
    contracts,
    gift_codes,
    inbox,
    oneoff,
    presents,
    reconciliation,
    redeeming,
    tasks,
)
from billing.errors import AlreadySubscribed, GiftCodeRefused, PresentRefused, StripeRefused, StripeTrouble
from billing.models import Present
from billing.presents import Wish
from billing.snapshots import CheckoutSnapshot
from paywall import access, entitlements
from paywall.decision.reasons import Reason
from tests.billing.market import Market
from tests.factories.accounts import a_member_of_staff, a_reader
from tests.factories.paywall import DAY, article

GIFT = "premium_gift"


@pytest.fixture
def counter(market: Market) -> Market:
    """A market that sells six months of premium as a gift, and where nobody has typed a code yet."""
    cache.clear()
    market.once(market.product("Premium, a gift", unlocks="premium"), slug=GIFT, amount=5900, gift_months="6")
    catalogue.refresh(gateway=market.gateway)
    return market


@pytest.fixture
def reader(counter: Market) -> User:
    return a_reader()


def order(market: Market, **wish: Any) -> Present:
    """Order a gift; it is not paid yet."""
    asked = Wish(**{"attempt": "a", "price": GIFT, "giver_email": "giver@example.org", **wish})
    presents.buy(asked, giver=None, gateway=market.gateway, now=market.now)
    return Present.objects.get(wish=asked.digest)


def bought(market: Market, **wish: Any) -> Present:
    """Order a gift, pay it, and look."""
    present = order(market, **wish)
    market.sandbox.complete_checkout(present.session_id)
    return presents.look(present, gateway=market.gateway, now=market.now)


def redeemed(market: Market, reader: User, **wish: Any) -> Present:
    code = presents.code_of(bought(market, **wish))
    return redeeming.redeem(code, reader=reader, gateway=market.gateway, now=market.now)


class SlowGateway:
    """A gateway that answers a click only after something else has happened."""

    def __init__(self, market: Market, *, while_it_answers: Callable[[], None]) -> None:
        self.expire_checkout = market.gateway.expire_checkout
        self._gateway, self._meanwhile = market.gateway, while_it_answers

    def start_payment(self, **asked: Any) -> CheckoutSnapshot:
        session = self._gateway.start_payment(**asked)
        self._meanwhile()
        return session


def give_up_the_name() -> None:
    """Do what a parallel click does that Stripe answers with a failure."""
    Present.objects.update(key=gift_codes.new_name())


class TestCodes:
    def test_a_code_has_a_hundred_bits_in_readable_groups(self) -> None:
        code = gift_codes.of(gift_codes.new_name())
        assert re.fullmatch(r"([0-9A-HJKMNP-TV-Z]{5}-){3}[0-9A-HJKMNP-TV-Z]{5}", code)
        assert len({gift_codes.of(gift_codes.new_name()) for _ in range(100)}) == 100

    def test_it_may_be_typed_in_many_ways(self) -> None:
        typed = ("0123A-BCDEF-GHJKM-NPQRS", " o123a bcdef ghjkm npqrs", "O i 2 3 A-BCDEFGHJKMNPQRS")
        assert len({gift_codes.digest_of(code) for code in typed}) == 1

    @pytest.mark.parametrize("odd", ["", "\x00", "\ud800", "ß" * 60, "٣" * 20])
    def test_odd_letters_are_no_code(self, odd: str) -> None:
        assert len(gift_codes.digest_of(odd)) == 64

    def test_it_is_shown_again_after_the_secret_was_changed(self, settings: Any) -> None:
        name = gift_codes.new_name()
        code = gift_codes.of(name)
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "x" * 60, [settings.SECRET_KEY]
        assert gift_codes.known_by(name, digest=gift_codes.digest_of(code)) == code
        settings.SECRET_KEY_FALLBACKS = []
        assert gift_codes.known_by(name, digest=gift_codes.digest_of(code)) == ""


class TestBuying:
    @pytest.mark.usefixtures("market")
    def test_where_none_is_on_sale_no_page_leads_to_one(self, client: Client) -> None:
        client.force_login(a_reader())
        page = client.get("/account/subscribe/").content.decode()
        assert ("/gift-subscription/" in page, "/account/redeem/" in page) == (False, True)

    def test_where_one_is_on_sale_the_page_leads_to_it(self, counter: Market, client: Client) -> None:
        client.force_login(a_reader())
        assert "/gift-subscription/" in client.get("/account/subscribe/").content.decode()

    def test_it_is_on_sale_beside_the_plans(self, counter: Market, client: Client) -> None:
        assert [row.text for row in oneoff.presents()] == ["€59.00 for 6 months"]
        sale = client.get("/api/v1/plans").json()
        assert [(row["price"], row["months"]) for row in sale["gifts"]] == [(GIFT, 6)]
        with pytest.raises(presents.PresentRefused):
            order(counter, price="premium_monthly")

    def test_the_same_form_twice_is_one_page_and_one_payment(self, counter: Market) -> None:
        first = order(counter)
        assert order(counter) == first
        counter.sandbox.complete_checkout(first.session_id)
        with pytest.raises(PresentRefused):
            order(counter)
        assert len(counter.objects("checkout.session")) == len(counter.objects("charge")) == 1
        assert order(counter, attempt="another").pk != first.pk

    def test_a_timeout_is_no_second_page(self, counter: Market, settings: Any) -> None:
        settings.CHECKOUT_SECONDS_TO_WAIT = 0.0
        counter.fault(target="api", kind="drop_response", match="POST /v1/checkout/*", left=1)
        counter.fault(target="api", kind="drop_request", match="POST /v1/checkout/*", left=9)
        with pytest.raises(StripeTrouble):
            order(counter)
        counter.sandbox.world.faults.clear()
        page = order(counter).session_id
        assert [one["id"] for one in counter.objects("checkout.session")] == [page]
        assert Present.objects.count() == 1

    @pytest.mark.parametrize("status", [500, 400])
    def test_a_failure_that_stripe_keeps_is_not_met_again(
        self, counter: Market, settings: Any, status: int
    ) -> None:
        settings.CHECKOUT_SECONDS_TO_WAIT = 0.0
        counter.fault(target="api", kind="status", match="POST /v1/checkout/*", status=status, recorded=True)
        with pytest.raises((StripeTrouble, StripeRefused)):
            order(counter)
        present = order(counter)
        assert Present.objects.get() == present
        assert len(counter.objects("checkout.session")) == 1
        counter.sandbox.complete_checkout(present.session_id)
        assert presents.look(present, gateway=counter.gateway, now=counter.now).paid_at is not None

    def test_a_page_opened_under_a_name_that_was_given_up_cannot_be_paid(
        self, counter: Market, settings: Any
    ) -> None:
        settings.CHECKOUT_SECONDS_TO_WAIT = 0.0
        wish = Wish(attempt="a", price=GIFT, giver_email="giver@example.org")
        late: Any = SlowGateway(counter, while_it_answers=give_up_the_name)
        with pytest.raises(StripeTrouble):
            presents.buy(wish, giver=None, gateway=late, now=counter.now)
        assert presents.buy(wish, giver=None, gateway=counter.gateway, now=counter.now)
        pages = counter.objects("checkout.session")
        assert sorted(page["status"] for page in pages) == ["expired", "open"]

    def test_nobody_becomes_a_customer_and_the_receipt_is_the_givers(self, counter: Market) -> None:
        bought(counter)
        assert counter.objects("customer") == []
        assert [row["receipt_email"] for row in counter.objects("charge")] == ["giver@example.org"]

    def test_paid_it_is_mailed_once_and_only_a_digest_is_kept(self, counter: Market) -> None:
        present = bought(counter)
        presents.look(present, gateway=counter.gateway, now=counter.now)
        code = presents.code_of(present)
        mail = Mail.objects.get(kind="present_bought")
        assert (mail.to, code in mail.text) == ("giver@example.org", True)
        kept = {str(value) for value in Present.objects.values_list().get()}
        assert not any(code in value or code.replace("-", "") in value for value in kept)

    def test_not_paid_it_has_no_code(self, counter: Market) -> None:
        present = presents.look(order(counter), gateway=counter.gateway, now=counter.now)
        assert (present.paid_at, presents.code_of(present)) == (None, "")
        with pytest.raises(GiftCodeRefused):
            redeeming.redeem(
                gift_codes.of(present.key), reader=a_reader(), gateway=counter.gateway, now=counter.now
            )

    def test_the_recipient_is_told_once_and_on_the_day(self, counter: Market) -> None:
        day = (counter.now + 3 * DAY).date()
        bought(
            counter, recipient_email="friend@example.org", send_on=day, message="Read well", giver_name="Ann"
        )
        assert not Present.objects.to_send(at=counter.now).exists()
        for _ in range(2):
            for present in Present.objects.to_send(at=counter.now + 3 * DAY):
                presents.send(present, now=counter.now + 3 * DAY)
        mail = Mail.objects.get(kind="present_for_you")
        assert (mail.to, mail.subject) == ("friend@example.org", "A gift from Ann")
        assert "Read well" in mail.text


class TestRedeeming:
    def test_it_opens_for_its_months_and_charges_nobody(self, counter: Market, reader: User) -> None:
        page = article(published_at=counter.now)
        present = redeemed(counter, reader)
        assert present.starts_at == present.redeemed_at is not None
        assert present.ends_at is not None
        assert present.ends_at.month == (present.starts_at.month + 5) % 12 + 1
        told = access.explain(reader, page, at=counter.now, known_at=counter.now)
        assert told.decision.reason is Reason.ENTITLED
        assert any(f"gift:{present.pk}" in fact.origin for fact in told.facts)
        over = access.explain(reader, page, at=present.ends_at, known_at=present.ends_at).decision
        assert over.reason is Reason.SUBSCRIPTION_ENDED
        assert len(counter.objects("charge")) == 1
        assert not reader.customers.exists()

    def test_the_same_reader_may_ask_again_and_nobody_else(self, counter: Market, reader: User) -> None:
        present = redeemed(counter, reader)
        code = presents.code_of(present)
        assert (
            redeeming.redeem(code.lower(), reader=reader, gateway=counter.gateway, now=counter.now + DAY)
            == present
        )
        assert Present.objects.get().redeemed_at == present.redeemed_at
        with pytest.raises(GiftCodeRefused):
            redeeming.redeem(code, reader=a_reader(), gateway=counter.gateway, now=counter.now)

    def test_a_second_gift_follows_the_first(self, counter: Market, reader: User) -> None:
        first = redeemed(counter, reader)
        second = redeemed(counter, reader, attempt="b")
        assert second.starts_at == first.ends_at

    def test_who_subscribes_keeps_the_code_until_there_is_an_end(self, counter: Market, reader: User) -> None:
        counter.buy(reader)
        code = presents.code_of(bought(counter))
        with pytest.raises(AlreadySubscribed):
            redeeming.redeem(code, reader=reader, gateway=counter.gateway, now=counter.now)
        contracts.cancel(reader, gateway=counter.gateway, now=counter.now)
        present = redeeming.redeem(code, reader=reader, gateway=counter.gateway, now=counter.now)
        assert present.starts_at == reader.customers.get().subscriptions.get().period_ends_at
        assert {row["status"] for row in counter.objects("subscription")} == {"active"}

    def test_by_default_a_code_stays_good_and_by_setting_until_the_end_of_a_year(
        self, counter: Market, reader: User, settings: Any
    ) -> None:
        code = presents.code_of(bought(counter))
        settings.GIFT_CODE_YEARS = 3
        short = bought(counter, attempt="b")
        assert short.expires_at == datetime(counter.now.year + 4, 1, 1, tzinfo=UTC)
        with pytest.raises(GiftCodeRefused):
            redeeming.redeem(
                presents.code_of(short), reader=reader, gateway=counter.gateway, now=short.expires_at
            )
        assert (
            redeeming.redeem(
                code, reader=reader, gateway=counter.gateway, now=counter.now + 3000 * DAY
            ).redeemed_by
            == reader
        )

    def test_a_blocked_reader_redeems_nothing(self, counter: Market, reader: User) -> None:
        code = presents.code_of(bought(counter))
        User.objects.filter(pk=reader.pk).update(is_active=False)
        with pytest.raises(GiftCodeRefused):
            redeeming.redeem(code, reader=reader, gateway=counter.gateway, now=counter.now)

    def test_the_database_redeems_once_and_whole(self, counter: Market) -> None:
        present = bought(counter)
        for odd in (
            {"redeemed_at": counter.now},
            {"starts_at": counter.now, "ends_at": counter.now + DAY},
            {"voided_at": counter.now},
            {"code_digest": ""},
        ):
            with pytest.raises(IntegrityError), transaction.atomic():
                Present.objects.filter(pk=present.pk).update(**odd)


class TestGivingBack:
    def test_what_nobody_redeemed_is_void_and_refunded_once(self, counter: Market, reader: User) -> None:
        present = bought(counter)
        code = presents.code_of(present)
        for _ in range(2):
            present = presents.refund(
                present, reason="Bought twice", gateway=counter.gateway, now=counter.now
            )
        assert (present.is_refunded, present.void_reason) == (True, "Bought twice")
        assert len(counter.objects("refund")) == 1
        with pytest.raises(GiftCodeRefused):
            redeeming.redeem(code, reader=reader, gateway=counter.gateway, now=counter.now)
        assert not Mail.objects.filter(kind="present_bought").exists()

    def test_what_was_redeemed_or_never_paid_is_not_given_back(self, counter: Market, reader: User) -> None:
        for present in (redeemed(counter, reader), order(counter, attempt="b")):
            with pytest.raises(PresentRefused):
                presents.refund(present, reason="Why not", gateway=counter.gateway, now=counter.now)
        with pytest.raises(PresentRefused):
            presents.refund(
                bought(counter, attempt="c"), reason=" ", gateway=counter.gateway, now=counter.now
            )
        assert counter.objects("refund") == []

    def test_it_is_void_before_stripe_answers_and_the_sweep_asks_again(
        self, counter: Market, reader: User
    ) -> None:
        present = bought(counter)
        counter.fault(target="api", kind="status", match="POST /v1/refunds", status=503, left=3)
        with pytest.raises(StripeTrouble):
            presents.refund(present, reason="Sorry", gateway=counter.gateway, now=counter.now)
        with pytest.raises(GiftCodeRefused):
            redeeming.redeem(
                presents.code_of(present), reader=reader, gateway=counter.gateway, now=counter.now
            )
        counter.sandbox.world.faults.clear()
        tasks.look_after_presents()
        assert Present.objects.get().is_refunded

    def test_money_given_back_at_stripe_takes_back_what_was_redeemed(
        self, counter: Market, reader: User
    ) -> None:
        present = redeemed(counter, reader)
        counter.sdk.v1.refunds.create({"payment_intent": present.payment_id})
        work(counter)
        assert entitlements.snapshot(reader, now=counter.now) == ()


def work(market: Market) -> None:
    """Fetch every event and work through it."""
    reconciliation.replay(gateway=market.gateway, now=market.now)
    for event in inbox.due_ids(now=market.now, limit=1000):
        inbox.process(event, gateway=market.gateway, now=market.now)


class TestWhateverWasLost:
    def test_the_giver_never_came_back_and_the_event_brings_it(self, counter: Market) -> None:
        present = order(counter)
        counter.sandbox.complete_checkout(present.session_id)
        for _ in range(2):
            work(counter)
        assert Present.objects.get().paid_at is not None
        assert Mail.objects.filter(kind="present_bought").count() == 1

    def test_every_event_was_lost_and_the_sweep_finds_it(self, counter: Market) -> None:
        present = order(counter)
        counter.sandbox.complete_checkout(present.session_id)
        later = counter.now + timedelta(hours=1)
        assert reconciliation.presents_unseen(now=later) == [present.pk]
        presents.look(present, gateway=counter.gateway, now=later)
        assert reconciliation.presents_unseen(now=later) == []
        assert reconciliation.presents_unseen(now=later + DAY) == [present.pk]

    def test_a_backup_from_before_the_purchase_ends_with_the_same_code(
        self, counter: Market, reader: User
    ) -> None:
        code = presents.code_of(bought(counter))
        Present.objects.all().delete()
        work(counter)
        assert redeeming.redeem(code, reader=reader, gateway=counter.gateway, now=counter.now).months == 6


def test_addresses_of_orders_that_nobody_paid_are_not_kept(counter: Market) -> None:
    kept = bought(counter)
    order(counter, attempt="b")
    presents.forget_unpaid(now=counter.now + 6 * DAY)
    assert Present.objects.count() == 2
    presents.forget_unpaid(now=counter.now + 7 * DAY)
    assert Present.objects.get() == kept


def test_a_session_that_is_nobodys_is_left_alone(counter: Market) -> None:
    told = presents.hear(object_id="cs_test_none", is_session=True, gateway=counter.gateway, now=counter.now)
    assert told is False


class TestPages:
    def form(self, client: Client, **asked: Any) -> dict[str, Any]:
        text = client.get("/gift-subscription/").content.decode()
        attempt = re.search(r'name="attempt" value="([^"]+)"', text)
        assert attempt is not None
        return {"price": GIFT, "giver_email": "giver@example.org", "attempt": attempt[1], **asked}

    def test_anybody_gives_and_a_reader_redeems(self, counter: Market, client: Client, reader: User) -> None:
        answer = client.post("/gift-subscription/", self.form(client, message="<b>Read</b>"))
        assert answer.status_code == 303
        present = Present.objects.get()
        page = f"/gift-subscription/given/?key={present.key}"
        assert client.get(page).status_code == 202
        counter.sandbox.complete_checkout(present.session_id)
        shown = client.get(page)
        code = presents.code_of(Present.objects.get())
        assert code in shown.content.decode()
        assert "<b>Read" not in shown.content.decode()
        assert shown["Referrer-Policy"] == "same-origin"
        assert "no-store" in shown["Cache-Control"]
        client.force_login(reader)
        assert client.get("/account/redeem/").status_code == 200
        assert client.post("/account/redeem/", {"code": code})["Location"].endswith("/account/")
        assert "Gift subscription" in client.get("/account/").content.decode()
        assert code not in client.get(page).content.decode()

    @pytest.mark.parametrize(
        "odd",
        [
            {"giver_email": "nobody"},
            {"price": "premium_monthly"},
            {"send_on": "2020-01-01"},
            {"send_on": "2999-01-01"},
            {"message": "x" * 501},
            {"recipient_email": "x"},
            {"attempt": ""},
        ],
    )
    def test_what_cannot_be_ordered_is_said(self, counter: Market, client: Client, odd: Any) -> None:
        assert client.post("/gift-subscription/", self.form(client, **odd)).status_code == 400
        assert not Present.objects.exists()
        assert counter.objects("checkout.session") == []

    def test_orders_from_one_place_are_counted(self, counter: Market, client: Client) -> None:
        asked = self.form(client)
        told = [client.post("/gift-subscription/", {**asked, "giver_name": "x" * n}) for n in range(31)]
        assert [answer.status_code for answer in told] == [303] * 30 + [429]
        assert len(counter.objects("checkout.session")) == 30

    @pytest.mark.usefixtures("counter")
    def test_unknown_pages_and_strangers(self, client: Client) -> None:
        for query in ("?key=nobody-knows-it", "?key=", ""):
            assert client.get(f"/gift-subscription/given/{query}").status_code == 404
        answer = client.get("/account/redeem/")
        assert "/account/login/" in answer["Location"]
        assert client.post("/api/v1/gift-subscriptions/redeem").status_code == 401


class TestGuessing:
    URL = "/api/v1/gift-subscriptions/redeem"

    def test_every_refusal_reads_the_same(self, counter: Market, client: Client, reader: User) -> None:
        used = presents.code_of(redeemed(counter, a_reader()))
        back = bought(counter, attempt="b")
        void = presents.code_of(back)
        presents.refund(back, reason="Sorry", gateway=counter.gateway, now=counter.now)
        unpaid = gift_codes.of(order(counter, attempt="c").key)
        client.force_login(reader)
        told = set()
        for code in (used, void, unpaid, gift_codes.of(gift_codes.new_name()), "x"):
            answer = client.post(self.URL, {"code": code}, content_type="application/json")
            told.add((answer.status_code, answer.content))
        assert len(told) == 1
        assert next(iter(told))[0] == 409

    def test_tries_are_counted_and_a_right_code_helps_no_more(
        self, counter: Market, client: Client, reader: User
    ) -> None:
        client.force_login(reader)
        for _ in range(10):
            assert client.post("/account/redeem/", {"code": "wrong"}).status_code == 409
        code = presents.code_of(bought(counter))
        assert client.post("/account/redeem/", {"code": code}).status_code == 429
        answer = client.post(self.URL, {"code": code}, content_type="application/json")
        assert (answer.status_code, "Retry-After" in answer) == (429, True)
        assert Present.objects.get().redeemed_at is None

    def test_redeemed_by_the_api_it_answers_what_is_held(
        self, counter: Market, client: Client, reader: User
    ) -> None:
        client.force_login(reader)
        code = presents.code_of(bought(counter))
        answer = client.post(self.URL, {"code": code}, content_type="application/json")
        assert [held["kind"] for held in answer.json()["holdings"]] == ["gift"]
        odd = client.post(self.URL, {"code": code, "who": "me"}, content_type="application/json")
        assert odd.status_code == 400


class TestDesk:
    def test_staff_list_them_and_give_back_with_a_reason(self, counter: Market, client: Client) -> None:
        present = bought(counter)
        client.force_login(a_member_of_staff())
        listed = reverse("admin:billing_present_changelist")
        page = client.get(reverse("admin:billing_present_change", args=[present.pk])).content.decode()
        assert presents.code_of(present) not in page
        assert present.key not in page
        wish = {"action": "refund", "_selected_action": [present.pk]}
        assert "say why" in client.post(listed, wish, follow=True).content.decode()
        client.post(listed, {**wish, "reason": "Bought twice"}, follow=True)
        assert Present.objects.get().is_refunded
        assert LogEntry.objects.get().change_message == "Given back. Bought twice"

    def test_a_closed_account_leaves_its_gifts_and_no_name(self, counter: Market) -> None:
        giver = a_reader()
        present = bought(counter)
        Present.objects.update(giver=giver, giver_name="Ann")
        closing.close(giver, now=clock.now())
        present.refresh_from_db()
        assert (present.giver, present.giver_email, present.giver_name) == (None, "", "")
        assert Present.objects.redeemable(at=counter.now).exists()


@pytest.mark.django_db(transaction=True)
def test_of_many_readers_at_one_moment_exactly_one_redeems_it(counter: Market) -> None:
    code = presents.code_of(bought(counter))
    readers = [a_reader() for _ in range(12)]

    def try_it(reader: User) -> int:
        try:
            redeeming.redeem(code, reader=reader, gateway=counter.gateway, now=counter.now)
        except GiftCodeRefused:
            return 0
        finally:
            connection.close()
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(try_it, readers)) == 1
    assert sum(len(entitlements.snapshot(reader, now=counter.now)) for reader in readers) == 1
