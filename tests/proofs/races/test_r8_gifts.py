"""The proof that the last opening of a gift is one, and the last gift of a month too, however many reach for it."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from paywall.models import Gift, GiftOpening
from tests.factories.accounts import a_reader
from tests.factories.paywall import MARKER, article, entitle, gift, grant
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.races.races import at_once, post, tabs

GIFTS, DEVICES = extent(ordinary=2, full=50), 20
GIVERS, TABS, QUOTA = extent(ordinary=1, full=15), 12, 3
READ = "/api/v1/articles/harbour-vote/read"

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("at_noon")]


def test_r8_the_last_opening_is_given_once(figure: Figure) -> None:
    story, statuses, opened = article(), Counter[int](), Counter[int]()
    for number in range(GIFTS):
        giver = a_reader()
        entitle(giver, grant())
        path = f"{READ}?gift={gift(giver, article=story, openings=2).code}"
        Client().post(path)
        answers = at_once(
            *(partial(Client(raise_request_exception=False).post, path) for _ in range(DEVICES))
        )
        statuses.update(answer.status_code for answer in answers)
        opened[number] = sum(MARKER in answer.content.decode() for answer in answers)
    figure(
        "R8",
        f"{connection.vendor}: {GIFTS} gifts with one opening left, {DEVICES} devices at once: "
        f"{opened.total()} opened, {GiftOpening.objects.count()} counted, {dict(sorted(statuses.items()))}",
        target=f"{GIFTS} opened, {2 * GIFTS} counted, 0 x 5xx",
    )
    assert set(opened.values()) == {1}
    assert GiftOpening.objects.count() == 2 * GIFTS
    assert set(statuses) == {200}


def test_r8_no_more_is_given_than_the_month_allows(figure: Figure, settings: Any) -> None:
    settings.GIFTS_PER_MONTH = QUOTA
    statuses = Counter[int]()
    for number in range(TABS):
        article(f"a{number}")
    for _ in range(GIVERS):
        giver = a_reader()
        entitle(giver, grant())
        wishes = [
            post(tab, f"/api/v1/articles/a{number}/gifts") for number, tab in enumerate(tabs(giver, TABS))
        ]
        statuses.update(answer.status_code for answer in at_once(*wishes))
    figure(
        "R8",
        f"{connection.vendor}: {GIVERS} subscribers give {TABS} articles at once, {QUOTA} a month allowed: "
        f"{Gift.objects.count()} gifts, {dict(sorted(statuses.items()))}",
        target=f"{GIVERS * QUOTA} gifts, 0 x 5xx",
    )
    assert Gift.objects.count() == GIVERS * QUOTA
    assert statuses == {201: GIVERS * QUOTA, 409: GIVERS * (TABS - QUOTA)}
