"""The main story in a real browser, as a reader and then the support desk live it. Screenshots are kept on request.

`SCREENSHOTS=folder` keeps a picture of every station.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from paywall.demo import articles
from tests.journeys.conftest import Demo, wait_for

ARTICLE = next(article for article in articles.edition() if article.products == ("premium",))
EMAIL = "berta@browser.example"
STAFF = ("admin@demo.example", "harbour-lights-2026")

pytestmark = pytest.mark.browser


class Browser:
    """One reader's browser, with words for what they do in it."""

    def __init__(self, page: Page, demo: Demo) -> None:
        self.page = page
        self.demo = demo
        self.article = f"{demo.newspaper}/articles/{ARTICLE.id}/"
        self.moment_of_refusal = ""
        self._station = 0
        page.set_default_timeout(60_000)

    def keep(self, name: str) -> None:
        """Keep a picture of this station where a folder for them is named."""
        folder = os.environ.get("SCREENSHOTS")
        self._station += 1
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=f"{folder}/{self._station:02d}-{name}.png", full_page=True)

    def open_article(self) -> None:
        """Go to the article of this story."""
        self.page.goto(self.article)

    def press(self, name: str) -> None:
        """Press the button or follow the link of this name."""
        self.page.get_by_role("button", name=name).or_(self.page.get_by_role("link", name=name)).first.click()

    def type_card(self, number: str) -> None:
        """Fill in the hosted form and submit it."""
        self.page.get_by_label("Card number").fill(number)
        self.page.get_by_label("Expiry").fill("12 / 34")
        self.page.get_by_label("CVC").fill("123")
        self.page.locator("#pay").click()

    def advance(self, button: str) -> None:
        """Let time pass at the sandbox, by hand on its control page."""
        self.page.goto(f"{self.demo.sandbox}/")
        self.page.get_by_role("button", name=button, exact=True).click()
        self.demo.wait_for_deliveries()

    def expect_whole_article(self) -> None:
        """See that the text is there to its end, and no wall."""
        expect(self.page.get_by_text(ARTICLE.marker)).to_be_visible()
        expect(self.page.locator(".wall")).to_have_count(0)

    def expect_wall(self, words: str | re.Pattern[str]) -> None:
        """See the wall with these words, and not a word of the body in the page's source."""
        expect(self.page.locator(".wall")).to_contain_text(words)
        assert ARTICLE.marker not in self.page.content()

    def reload_until_wall(self, words: str) -> None:
        """Reload until the wall says this; the news of a change takes a moment through the worker."""

        def look() -> bool:
            self.open_article()
            wall = self.page.locator(".wall, .banner")
            return wall.count() > 0 and words in wall.first.inner_text()

        wait_for(look, what=f"{words!r} on the article's page")


@pytest.fixture
def browser_of(page: Page, demo: Demo) -> Browser:
    """A fresh browser in front of the running demo."""
    return Browser(page, demo)


def test_the_story(browser_of: Browser) -> None:
    browser = browser_of
    _a_stranger_meets_the_wall(browser)
    _signs_up_with_a_mailed_code(browser)
    _subscribes_and_reads_at_once(browser)
    _gives_the_article_to_a_friend(browser)
    _is_renewed(browser)
    _the_card_fails_and_a_banner_says_so(browser)
    _after_the_grace_the_wall_says_why(browser)
    _fixes_the_card_and_reads_at_once(browser)
    _cancels_resumes_and_cancels_again(browser)
    _reads_until_the_end_and_not_a_minute_longer(browser)
    _staff_see_why(browser)


def _a_stranger_meets_the_wall(browser: Browser) -> None:
    browser.page.goto(browser.demo.newspaper)
    expect(browser.page.get_by_role("heading", level=1)).to_be_visible()
    browser.keep("front")
    browser.page.get_by_role("link", name=ARTICLE.title).first.click()
    browser.expect_wall("subscribe")
    browser.keep("stranger")


def _signs_up_with_a_mailed_code(browser: Browser) -> None:
    page = browser.page
    page.locator(".wall").get_by_role("link", name="Sign in").click()
    page.get_by_role("link", name="Create an account").click()
    page.get_by_role("textbox", name="Email").fill(EMAIL)
    browser.press("Continue")
    code = browser.demo.newest_code(to=EMAIL)
    outbox = page.context.new_page()
    outbox.goto(f"{browser.demo.newspaper}/mail/")
    expect(outbox.get_by_text(code).first).to_be_visible()
    outbox.close()
    page.get_by_role("textbox").first.fill(code)
    browser.keep("code")
    browser.press("Confirm")
    page.wait_for_url(browser.article)
    browser.expect_wall("9.90")
    browser.keep("known")


def _subscribes_and_reads_at_once(browser: Browser) -> None:
    page = browser.page
    page.locator(".wall").get_by_role("link", name="Subscribe").first.click()
    browser.keep("plans")
    page.get_by_role("button", name=re.compile("9.90")).click()
    browser.keep("checkout")
    browser.type_card("4242 4242 4242 4242")
    page.wait_for_url(browser.article)
    browser.expect_whole_article()
    browser.keep("reads")


def _next_charge(browser: Browser) -> str:
    browser.page.goto(f"{browser.demo.service}/account/")
    return browser.page.locator("dl.facts div", has_text="Next charge").inner_text()


def _gives_the_article_to_a_friend(browser: Browser) -> None:
    browser.open_article()
    browser.press("Give this article away")
    given = browser.page.get_by_label("Whoever has this link can read the article:")
    expect(given).to_have_value(re.compile(r"\?gift=[\w-]{22}$"))
    friend = browser.page.context.browser.new_context()  # type: ignore[union-attr]  # there is one
    page = friend.new_page()
    page.goto(given.input_value())
    assert ARTICLE.marker not in page.content()
    page.get_by_role("button", name="Read the article").click()
    expect(page.get_by_text(ARTICLE.marker)).to_be_visible()
    expect(page).to_have_url(browser.article)
    friend.close()


def _is_renewed(browser: Browser) -> None:
    before = _next_charge(browser)
    browser.keep("account")
    browser.advance("Advance a month")
    wait_for(lambda: _next_charge(browser) != before, what="the next charge's date to move")
    browser.open_article()
    browser.expect_whole_article()


def _the_card_fails_and_a_banner_says_so(browser: Browser) -> None:
    page = browser.page
    page.goto(f"{browser.demo.sandbox}/")
    row = page.get_by_role("row").filter(has_text=EMAIL)
    row.get_by_role("button", name="Make it fail").click()
    browser.demo.wait_for_deliveries()
    browser.keep("sandbox")
    browser.advance("Advance a month")
    browser.reload_until_wall("0341")
    browser.expect_whole_article()
    banner = page.locator(".banner").inner_text()
    assert re.search(r"until", banner), banner
    browser.keep("banner")
    mail = browser.demo.wait_for_mail(to=EMAIL, containing="0341")
    assert "/account/fix/" in mail


def _after_the_grace_the_wall_says_why(browser: Browser) -> None:
    browser.advance("Advance a week")
    browser.advance("Advance a day")
    browser.reload_until_wall("0341")
    browser.expect_wall("0341")
    browser.moment_of_refusal = browser.demo.now().strftime("%Y-%m-%dT%H:%M:%S")
    assert "ubscribe again" not in browser.page.locator(".wall").inner_text()
    browser.keep("card-failed")


def _fixes_the_card_and_reads_at_once(browser: Browser) -> None:
    page = browser.page
    page.locator(".wall a.button").first.click()
    browser.keep("fix-card")
    browser.press("Enter a card")
    browser.type_card("4242 4242 4242 4242")
    page.wait_for_url(browser.article)
    browser.expect_whole_article()
    expect(page.locator(".banner")).to_have_count(0)
    browser.keep("fixed")


def _cancels_resumes_and_cancels_again(browser: Browser) -> None:
    page = browser.page
    for again in (True, False):
        page.goto(f"{browser.demo.service}/account/")
        page.get_by_role("link", name="Cancel", exact=True).click()
        browser.press("Cancel the subscription")
        expect(page.locator("dl.facts")).to_contain_text("You read until")
        browser.keep("cancelled")
        if again:
            browser.press("Keep my subscription")
            expect(page.locator("dl.facts")).to_contain_text("Next charge")


def _reads_until_the_end_and_not_a_minute_longer(browser: Browser) -> None:
    browser.open_article()
    browser.expect_whole_article()
    subscription = browser.demo.stripe("subscriptions", status="active")["data"][0]
    end = subscription["items"]["data"][0]["current_period_end"]
    browser.demo.advance(to=end - 60)
    browser.open_article()
    browser.expect_whole_article()
    browser.demo.advance(to=end + 1)
    browser.open_article()
    browser.expect_wall(re.compile("ended", re.IGNORECASE))
    browser.keep("ended")


def _staff_see_why(browser: Browser) -> None:
    page = browser.page
    page.context.clear_cookies()
    page.goto(f"{browser.demo.service}/admin/")
    page.get_by_role("textbox", name="Email").fill(STAFF[0])
    page.get_by_label("Password").fill(STAFF[1])
    browser.press("Sign in")
    _staff_find_everything_about_a_reader(browser)
    assert _explained(browser, at="") == "subscription_ended"
    browser.keep("explain-now")
    assert _explained(browser, at=browser.moment_of_refusal) == "payment_failed"
    browser.keep("explain-then")


def _staff_find_everything_about_a_reader(browser: Browser) -> None:
    page = browser.page
    page.goto(f"{browser.demo.service}/admin/accounts/user/")
    page.locator("#searchbar").fill(EMAIL)
    page.locator("#changelist-search input[type=submit]").click()
    page.get_by_role("link", name=EMAIL).first.click()
    browser.keep("admin-reader")
    page.get_by_role("link", name="Rights and their history").click()
    expect(page.locator("#result_list tbody tr").nth(2)).to_be_visible()
    browser.keep("admin-rights")
    for model, words in (
        ("customer", EMAIL),
        ("subscription", "canceled"),
        ("invoice", "paid"),
        ("stripeevent", "invoice.paid"),
    ):
        page.goto(f"{browser.demo.service}/admin/billing/{model}/")
        expect(page.locator("#result_list")).to_contain_text(words)
        page.locator("#result_list th a").first.click()
        expect(page.locator("#content h1")).to_be_visible()
        browser.keep(f"admin-{model}")


def _explained(browser: Browser, *, at: str) -> str:
    page = browser.page
    page.goto(f"{browser.demo.service}/admin/accounts/user/?q={EMAIL}")
    page.get_by_role("link", name=EMAIL).first.click()
    page.get_by_role("link", name="Explain an access").click()
    page.get_by_label("Article", exact=False).first.fill(ARTICLE.id)
    if at:
        page.locator("[name=at]").fill(at)
        page.locator("[name=known_at]").fill(at)
    browser.press("Explain")
    expect(page.locator("#steps")).to_be_visible()
    return page.locator("#decision tr", has_text="Reason").locator("td").inner_text()
