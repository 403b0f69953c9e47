"""The proof that the last seat of a group is one, and that groups which sit in each other never lock each other out."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from billing import groups, sync
from billing.models import Plan, Seat
from tests.billing.groups import token_for
from tests.factories.accounts import a_reader
from tests.factories.billing import Shop, a_shop
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.races.races import at_once

GROUPS, EACH, SEATS = extent(ordinary=2, full=25), 12, 3
ROUNDS = extent(ordinary=6, full=100)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("at_noon")]


@pytest.fixture
def shop() -> Shop:
    shop = a_shop()
    Plan.objects.update(seats=SEATS)
    return shop


def an_owner(shop: Shop) -> Any:
    customer = shop.customer(a_reader())
    shop.subscribe(customer.stripe_id)
    shop.sync(customer)
    return customer


def test_r8_the_last_seat_is_given_once(figure: Figure, shop: Shop) -> None:
    statuses, held = Counter[int](), Counter[int]()
    for _ in range(GROUPS):
        owner = an_owner(shop).reader
        groups.invite(owner, a_reader().email, now=shop.now)
        tabs = [Client(raise_request_exception=False) for _ in range(EACH)]
        for tab in tabs:
            tab.force_login(owner)
        addresses = [f"{owner.pk}-{number}@example.org" for number in range(EACH)]
        wishes = [
            partial(tab.post, "/account/group/", {"email": address})
            for tab, address in zip(tabs, addresses, strict=True)
        ]
        statuses.update(answer.status_code for answer in at_once(*wishes))
        last = Seat.objects.living().filter(subscription__customer__reader=owner, email__in=addresses).get()
        readers = [Client(raise_request_exception=False) for _ in range(EACH)]
        for reader in readers:
            reader.force_login(a_reader())
        taking = {"token": token_for(last.email)}
        statuses.update(
            answer.status_code
            for answer in at_once(
                *(partial(reader.post, "/account/group/join/", taking) for reader in readers)
            )
        )
        held[owner.pk] = Seat.objects.members().filter(subscription__customer__reader=owner).count()
    figure(
        "R8",
        f"{connection.vendor}: {GROUPS} groups with one seat left, {EACH} invited at once, then {EACH} come with that "
        f"one invitation: {held.total()} seats held, {dict(sorted(statuses.items()))}",
        target=f"{GROUPS} held, 0 x 5xx",
    )
    assert set(held.values()) == {1}
    assert set(statuses) == {303, 404}


def test_r8_groups_that_sit_in_each_other_wait_and_never_for_ever(figure: Figure, shop: Shop) -> None:
    ann, ben = an_owner(shop), an_owner(shop)
    for host, guest in ((ann, ben), (ben, ann)):
        groups.invite(host.reader, guest.reader.email, now=shop.now)
        groups.accept(guest.reader, token_for(guest.reader.email), now=shop.now)
    outcomes = Counter[str]()
    for _ in range(ROUNDS):
        shop.sandbox.advance(months=1)
        sync.request([ann.pk, ben.pk], now=shop.now)
        looks = [partial(sync.customer, each.pk, gateway=shop.gateway, now=shop.now) for each in (ann, ben)]
        outcomes.update(at_once(*looks))
    figure(
        "R8",
        f"{connection.vendor}: two owners who sit in each other's groups renewed and looked at {ROUNDS} times: "
        f"{dict(outcomes)}",
        target=f"{2 * ROUNDS} done, no deadlock",
    )
    assert outcomes == {sync.SyncOutcome.DONE: 2 * ROUNDS}
    for each in (ann, ben):
        assert each.reader.entitlements.filter(superseded_at=None).count() == 2
