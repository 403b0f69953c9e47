"""A newspaper, its paywall, and somebody who reads it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from werkzeug.test import Client

from paywall.demo.paper import Paper
from tests.paywall.demo.fake_paywall import NOW, SITE, FakePaywall, served


@pytest.fixture
def paywall() -> FakePaywall:
    return FakePaywall()


@pytest.fixture
def api(paywall: FakePaywall) -> Iterator[str]:
    with served(paywall) as address:
        yield address


@pytest.fixture
def mail_dir(tmp_path: Path) -> Path:
    return tmp_path / "mail"


@pytest.fixture
def reader(api: str, mail_dir: Path) -> Client:
    return Client(Paper(site=SITE, api=api, mail_dir=mail_dir, clock=lambda: NOW))


@pytest.fixture
def lonely_reader(mail_dir: Path) -> Client:
    """A browser of a newspaper whose paywall is down: nobody listens on the discard port."""
    return Client(Paper(site=SITE, api="http://127.0.0.1:9", mail_dir=mail_dir, clock=lambda: NOW))
