"""Pages whose address is a secret, in a real browser: their forms work, and no other site hears of the address."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings as configured
from django.test import Client
from playwright.sync_api import Page, expect

from accounts.models import Mail, User
from billing import groups, presents
from billing.models import Present, Seat
from billing.presents import Wish
from tests.billing.groups import a_family
from tests.billing.market import Market
from tests.factories.accounts import a_reader

pytestmark = pytest.mark.browser


@pytest.fixture
def site(settings: Any, live_server: Any, market: Market) -> Market:
    """Our pages on a port of this machine, where the mails lead."""
    settings.SITE_URL = live_server.url
    settings.CSRF_TRUSTED_ORIGINS = []
    return market


def sign_in(page: Page, reader: User) -> None:
    """Put the reader's session into the browser."""
    client = Client()
    client.force_login(reader)
    name = configured.SESSION_COOKIE_NAME
    page.context.add_cookies(
        [{"name": name, "value": client.cookies[name].value, "url": configured.SITE_URL}]
    )


def mailed(kind: str, path: str) -> str:
    """Return the address below `path` from the last mail of a kind."""
    text = Mail.objects.filter(kind=kind).latest("pk").text
    found = re.search(rf"{configured.SITE_URL}{path}\S+", text)
    assert found is not None
    return found[0]


def speak_german(page: Page) -> None:
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_an_invited_reader_changes_the_language_and_takes_the_place(page: Page, site: Market) -> None:
    owner, _nobody = a_family(site)
    guest = a_reader()
    groups.invite(owner, guest.email, now=site.now)
    address = mailed("group_invitation", "/account/group/join/")
    page.goto(address)
    page.get_by_role("link", name="Sign in and take it").click()
    back = page.locator("input[name=next]").first
    expect(back).to_have_value(address.removeprefix(configured.SITE_URL))
    sign_in(page, guest)
    page.goto(address)
    speak_german(page)
    expect(page).to_have_url(address)
    page.get_by_role("button", name="Platz annehmen").click()
    expect(page).to_have_url(f"{configured.SITE_URL}/account/")
    assert Seat.objects.get().member == guest


def test_an_invitation_that_is_over_can_be_read_in_another_language(page: Page, site: Market) -> None:
    owner, _nobody = a_family(site)
    seat = groups.invite(owner, "friend@example.org", now=site.now)
    address = mailed("group_invitation", "/account/group/join/")
    groups.remove(owner, str(seat.pk), now=site.now)
    page.goto(address)
    speak_german(page)
    expect(page).to_have_url(address)


def test_a_giver_reads_the_page_of_the_gift_in_another_language(page: Page, site: Market) -> None:
    site.stock_gifts()
    wish = Wish(attempt="a", price="archive_gift", giver_email="giver@example.org")
    presents.buy(wish, giver=None, gateway=site.gateway, now=site.now)
    ordered = Present.objects.get()
    site.sandbox.complete_checkout(ordered.session_id)
    paid = presents.look(ordered, gateway=site.gateway, now=site.now)
    address = mailed("present_bought", "/gift-subscription/")
    page.goto(address)
    speak_german(page)
    expect(page).to_have_url(address)
    expect(page.get_by_text(presents.code_of(paid))).to_be_visible()
