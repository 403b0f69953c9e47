"""Every page that a reader meets, on a phone, in light and in dark: held against axe-core, and worked by keyboard.

`SCREENSHOTS=folder` keeps a picture of every page. axe-core (MPL 2.0) is kept as it is published, `assets/axe.min.js`.
"""

from __future__ import annotations

import os
import re
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.staticfiles import finders
from django.template.loader import render_to_string
from playwright.sync_api import Page, Route, expect

from paywall.demo import articles
from tests.journeys.conftest import Demo, wait_for

ARTICLE = next(article for article in articles.edition() if article.products == ("premium",))
AXE = (Path(__file__).resolve().parents[1] / "assets/axe.min.js").read_text()
PHONE = {"width": 360, "height": 780}
GRAVE = {"serious", "critical"}

_RUN_AXE = """async () => {
    const answer = await axe.run(document, {resultTypes: ["violations"]});
    return answer.violations.map(({id, impact, nodes}) =>
        ({id, impact, nodes: nodes.slice(0, 5).map(({html, failureSummary}) => `${html} ${failureSummary}`)}));
}"""
_RUNS_OFF = "() => document.documentElement.scrollWidth > window.innerWidth"
# What the eye sees of the focus: an outline, or a shadow in its place.
_FOCUS = """() => {
    const style = getComputedStyle(document.activeElement);
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    return {tag: document.activeElement.tagName, html: document.activeElement.outerHTML.slice(0, 120),
            visible: outlined || style.boxShadow !== "none"};
}"""

pytestmark = pytest.mark.browser


class Inspector:
    """Looks at one page after another and remembers what is wrong with them."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        page.set_default_timeout(60_000)
        page.set_viewport_size({"width": PHONE["width"], "height": PHONE["height"]})

    def look(self, name: str) -> None:
        """Hold the page as it stands against axe in both colour schemes, and see whether it fits a phone."""
        for scheme in ("light", "dark"):
            self.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
            self._keep(f"{name}-{scheme}")
            if self.page.evaluate(_RUNS_OFF):
                self.complaints.append(f"{name}: runs off a phone's screen")
            self.page.evaluate(AXE)
            found: list[dict[str, Any]] = self.page.evaluate(_RUN_AXE)
            self.complaints += [
                f"{name}, {scheme}: {violation['id']} ({violation['impact']}): {violation['nodes']}"
                for violation in found
                if violation["impact"] in GRAVE
            ]
        self.page.emulate_media(color_scheme="light")

    def _keep(self, name: str) -> None:
        folder = os.environ.get("SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.fixture
def inspector(page: Page) -> Inspector:
    """Somebody with a phone and a keen eye."""
    return Inspector(page)


def test_every_page_is_accessible_and_fits_a_phone(inspector: Inspector, demo: Demo) -> None:
    _as_a_stranger(inspector, demo)
    _signing_up(inspector, demo, email="iris@browser.example")
    _buying(inspector, demo)
    _thinking_again(inspector, demo)
    _with_a_card_that_fails(inspector, demo, email="iris@browser.example")
    _by_the_link_in_the_mail(inspector, demo, email="iris@browser.example")
    _coming_back(inspector, demo)
    assert inspector.complaints == [], "\n".join(inspector.complaints)


def _as_a_stranger(inspector: Inspector, demo: Demo) -> None:
    page = inspector.page
    page.goto(demo.newspaper)
    inspector.look("front")
    page.goto(f"{demo.newspaper}/articles/{ARTICLE.id}/")
    expect(page.locator(".wall")).to_be_visible()
    inspector.look("wall")
    page.goto(f"{demo.newspaper}/mail/")
    inspector.look("outbox")
    page.goto(f"{demo.service}/account/login/")
    inspector.look("login")
    page.goto(f"{demo.service}/account/institution/")
    inspector.look("institution")
    page.goto(f"{demo.service}/account/login/")
    # A form without its token is the one error page that the demo, which runs under DEBUG, shows as readers see it.
    page.context.clear_cookies()
    page.get_by_role("textbox", name="Email").fill("nobody@browser.example")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Please try again")).to_be_visible()
    inspector.look("error")


def _signing_up(inspector: Inspector, demo: Demo, *, email: str) -> None:
    page = inspector.page
    page.goto(f"{demo.service}/account/signup/")
    inspector.look("signup")
    page.get_by_role("textbox", name="Email").fill(email)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/confirm-email/")
    inspector.look("code")
    page.get_by_role("textbox").first.fill("000000")
    page.get_by_role("button", name="Confirm").click()
    expect(page.locator(".errorlist").first).to_be_visible()
    inspector.look("code-wrong")
    page.get_by_role("textbox").first.fill(demo.newest_code(to=email))
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(f"{demo.service}/account/")
    inspector.look("account-without-subscription")


def _buying(inspector: Inspector, demo: Demo) -> None:
    page = inspector.page
    page.goto(f"{demo.service}/account/subscribe/?product=premium")
    inspector.look("subscribe")
    page.get_by_role("button", name=re.compile("9.90")).click()
    page.wait_for_url(f"{demo.sandbox}/**")
    inspector.look("checkout")
    page.get_by_label("Card number").fill("4242 4242 4242 4242")
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.locator("#pay").click()
    page.wait_for_url(f"{demo.service}/account/")
    inspector.look("account")
    page.get_by_role("link", name="Cancel", exact=True).click()
    page.wait_for_url(f"{demo.service}/account/cancel/**")
    inspector.look("cancel")
    page.goto(f"{demo.service}/account/invoices/")
    inspector.look("invoices")
    page.goto(f"{demo.service}/account/sessions/")
    inspector.look("sessions")
    page.goto(f"{demo.service}/account/email/")
    inspector.look("email")
    page.goto(f"{demo.service}/account/logout/")
    inspector.look("logout")


def _thinking_again(inspector: Inspector, demo: Demo) -> None:
    page = inspector.page
    page.goto(f"{demo.service}/account/change/")
    inspector.look("change")
    page.get_by_role("button", name=re.compile("99")).click()
    expect(page.get_by_role("button", name="Change and pay")).to_be_visible()
    inspector.look("change-shown")
    page.goto(f"{demo.service}/account/pause/")
    inspector.look("pause")


def _with_a_card_that_fails(inspector: Inspector, demo: Demo, *, email: str) -> None:
    page = inspector.page
    page.goto(f"{demo.sandbox}/")
    inspector.look("sandbox")
    page.get_by_role("row").filter(has_text=email).get_by_role("button", name="Make it fail").click()
    demo.wait_for_deliveries()
    demo.advance(months=1)

    def told() -> bool:
        page.goto(f"{demo.service}/account/")
        return page.locator(".banner").count() > 0

    wait_for(told, what="the account page to tell of the failed payment")
    inspector.look("account-in-grace")
    page.goto(f"{demo.service}/account/card/")
    inspector.look("card")
    page.goto(f"{demo.newspaper}/articles/{ARTICLE.id}/")
    expect(page.locator(".banner")).to_be_visible()
    inspector.look("article-in-grace")


def _by_the_link_in_the_mail(inspector: Inspector, demo: Demo, *, email: str) -> None:
    page = inspector.page
    mail = demo.wait_for_mail(to=email, containing="/account/fix/")
    link = re.search(r"https?://\S+/account/fix/\S+", mail)
    assert link is not None
    page.goto(link[0])
    inspector.look("fix")


def _coming_back(inspector: Inspector, demo: Demo) -> None:
    page = inspector.page
    page.goto(f"{demo.service}/account/cancel/")
    inspector.look("cancel-unpaid")
    page.locator("main form").last.get_by_role("button").first.click()
    page.wait_for_url(f"{demo.service}/account/**")
    inspector.look("account-ended")
    page.goto(f"{demo.service}/account/come-back/")
    inspector.look("come-back")


@pytest.mark.parametrize("path", ["login/", "signup/", "password/reset/", "login/code/"])
def test_german_fits_a_phone_too(inspector: Inspector, demo: Demo, path: str) -> None:
    page = inspector.page
    page.goto(f"{demo.service}/account/{path}")
    page.get_by_role("button", name="Deutsch").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    assert page.url == f"{demo.service}/account/{path}"
    inspector.look(f"german-{path.replace('/', '-')}")
    assert inspector.complaints == [], "\n".join(inspector.complaints)


def test_waiting_for_a_payment_goes_on_by_itself(inspector: Inspector) -> None:
    page = inspector.page
    # The first stays while it is looked at; the others ask again by themselves.
    pages = iter(
        render_to_string("billing/confirming.html", {"refresh_after": seconds, "return_url": "/article/"})
        for seconds in (600, 1, 1)
    )

    def answer(route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path.startswith("/static/"):
            route.fulfill(path=finders.find(path.removeprefix("/static/")))
        elif waiting := next(pages, ""):
            route.fulfill(status=HTTPStatus.ACCEPTED, body=waiting, content_type="text/html")
        else:
            route.fulfill(body="<!doctype html><h1>The article</h1>", content_type="text/html")

    page.route("http://waiting.example/**", answer)
    page.goto("http://waiting.example/account/return/")
    inspector.look("confirming")
    assert inspector.complaints == [], "\n".join(inspector.complaints)
    page.reload()
    expect(page.get_by_role("heading", name="The article")).to_be_visible()


@pytest.mark.parametrize("place", ["newspaper", "service"])
def test_the_first_tab_leads_past_the_masthead(page: Page, demo: Demo, place: str) -> None:
    page.goto(demo.newspaper if place == "newspaper" else f"{demo.service}/account/login/")
    page.keyboard.press("Tab")
    skip = page.locator(":focus")
    expect(skip).to_be_in_viewport()
    expect(skip).to_have_attribute("href", re.compile("^#"))
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_focus_is_always_seen(page: Page, demo: Demo, scheme: str) -> None:
    page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    for address in (demo.newspaper, f"{demo.service}/account/login/", f"{demo.sandbox}/"):
        page.goto(address)
        for _ in range(12):
            page.keyboard.press("Tab")
            focus = page.evaluate(_FOCUS)
            assert focus["visible"] or focus["tag"] == "BODY", f"{address}: {focus['html']}"
