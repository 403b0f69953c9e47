"""The newspaper in a real browser: articles that open by themselves, pages that keep their own policy."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from paywall.demo.paper import Paper
from tests.paywall.demo.fake_paywall import (
    ARTICLE,
    EMAIL,
    FIX_CARD,
    NOW,
    PAGE,
    SITE,
    FakePaywall,
    opened,
    served,
)

pytestmark = pytest.mark.browser


@pytest.fixture
def front(api: str, mail_dir: Path) -> Iterator[str]:
    with served(Paper(site=SITE, api=api, mail_dir=mail_dir, clock=lambda: NOW)) as address:
        yield address


def test_an_article_opens_by_itself_once_the_card_is_fixed(
    page: Page, front: str, paywall: FakePaywall
) -> None:
    paywall.reader = EMAIL
    paywall.decision = {"reason": "payment_failed", "remedies": [FIX_CARD]}
    page.goto(front + PAGE)
    expect(page.get_by_text("opens by itself")).to_be_visible()
    expect(page.get_by_text(ARTICLE.marker)).to_have_count(0)
    paywall.decision = opened()
    expect(page.get_by_text(ARTICLE.marker)).to_be_visible(timeout=10_000)


def test_an_article_opens_on_coming_back_to_its_tab(page: Page, front: str, paywall: FakePaywall) -> None:
    page.goto(front + PAGE)
    paywall.decision = opened()
    page.evaluate("dispatchEvent(new Event('focus'))")
    expect(page.get_by_text(ARTICLE.marker)).to_be_visible(timeout=10_000)


def test_a_gift_is_accepted_on_a_click_and_its_code_leaves_the_address(
    page: Page, front: str, paywall: FakePaywall
) -> None:
    paywall.gift = "code"
    page.goto(f"{front}{PAGE}?gift=code")
    expect(page.get_by_role("heading", name="A gift for you")).to_be_visible()
    assert not [path for _, path, _ in paywall.asked if path.endswith("/read")]
    page.get_by_role("button", name="Read the article").click()
    expect(page.get_by_text(ARTICLE.marker)).to_be_visible(timeout=10_000)
    expect(page).to_have_url(front + PAGE)


def test_a_subscriber_gives_an_article_away(page: Page, front: str, paywall: FakePaywall) -> None:
    paywall.decision = opened()
    page.goto(front + PAGE)
    page.get_by_role("button", name="Give this article away").click()
    link = page.get_by_label("Whoever has this link can read the article:")
    expect(link).to_have_value(f"{SITE}{PAGE}?gift=code", timeout=10_000)


@pytest.mark.parametrize("path", ["/", PAGE, "/mail/"])
def test_no_page_breaks_its_own_policy_or_runs_off_a_phone(page: Page, front: str, path: str) -> None:
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_viewport_size({"width": 360, "height": 780})
    page.goto(front + path)
    assert complaints == []
    root = "document.documentElement"
    assert page.evaluate(f"{root}.scrollWidth <= {root}.clientWidth")


def test_new_mail_appears_by_itself(page: Page, front: str, mail_dir: Path) -> None:
    page.goto(f"{front}/mail/")
    page.keyboard.press("Tab")
    mail_dir.mkdir()
    (mail_dir / "1.log").write_text(f"Subject: Hello\nTo: {EMAIL}\n\nThe code is 123456.\n{'-' * 79}\n")
    expect(page.get_by_role("heading", name="Hello")).to_be_visible(timeout=10_000)
    expect(page.locator(".skip")).to_be_focused()
