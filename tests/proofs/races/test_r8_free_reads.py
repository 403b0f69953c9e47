"""The proof that the last free read is spent once, and no article twice, however many ask at the same moment."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from accounts import clock
from paywall.models import FreeRead, Wallet
from tests.factories.accounts import a_reader
from tests.factories.paywall import DAY, article, meter
from tests.proofs.conftest import Figure
from tests.proofs.extent import extent
from tests.proofs.races.races import at_once, tabs

DEVICES, READERS = extent(ordinary=2, full=30), extent(ordinary=1, full=20)
ARTICLES, TIMES, LIMIT = 8, 2, 3

pytestmark = pytest.mark.django_db(transaction=True)


def test_r8_free_reads_are_spent_once(figure: Figure) -> None:
    yesterday = clock.now() - DAY
    meter(stranger_reads=LIMIT, reader_reads=LIMIT, now=yesterday)
    for number in range(ARTICLES):
        article(f"a{number}", demand="", published_at=yesterday, stated_at=yesterday)
    answers, wrong = Counter[str](), list[str]()
    for number in range(DEVICES):
        device = _device()
        wrong += _race([_on(device) for _ in range(ARTICLES * TIMES)], f"device {number}", answers)
    for number in range(READERS):
        wrong += _race(tabs(a_reader(), ARTICLES * TIMES), f"reader {number}", answers)
    figure(
        "R8",
        f"{connection.vendor}: {DEVICES} devices and {READERS} readers open {ARTICLES} articles {TIMES} times each at "
        f"once with {LIMIT} free reads: {FreeRead.objects.count()} receipts, {dict(sorted(answers.items()))}, "
        f"{len(wrong)} wallets wrong",
        target=f"{LIMIT} receipts each, {LIMIT * TIMES} bodies each, 0 wrong, 0 x 5xx",
    )
    assert not wrong, wrong
    assert set(answers) == {"metered", "meter_exhausted"}
    assert FreeRead.objects.count() == LIMIT * (DEVICES + READERS)


def _race(browsers: Any, who: str, answers: Counter[str]) -> list[str]:
    """Open every article so many times at the same moment; name what is not as it should be."""
    before = set(Wallet.objects.values_list("pk", flat=True))
    paths = [f"/api/v1/articles/a{number % ARTICLES}/read" for number in range(ARTICLES * TIMES)]
    got = at_once(*(partial(browser.post, path) for browser, path in zip(browsers, paths, strict=True)))
    if broken := [answer.status_code for answer in got if answer.status_code != 200]:
        return [f"{who}: {broken}"]
    told = [answer.json() for answer in got]
    answers.update(each["reason"] for each in told)
    opened = Counter(each["article"] for each in told if "body" in each)
    spent = FreeRead.objects.exclude(wallet__in=before).count()
    is_right = spent == LIMIT and set(opened.values()) == {TIMES} and len(opened) == LIMIT
    return [] if is_right else [f"{who}: {spent} receipts, opened {dict(opened)}"]


def _device() -> str:
    """Return the cookie of a device that has asked once."""
    browser = Client()
    browser.get("/api/v1/articles/a0/access")
    return browser.cookies[settings.DEVICE_COOKIE_NAME].value


def _on(device: str) -> Client:
    browser = Client(raise_request_exception=False)
    browser.cookies[settings.DEVICE_COOKIE_NAME] = device
    return browser
