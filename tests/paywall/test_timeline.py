"""One reader's access over time; one article as everybody sees it."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from django.test import Client
from django.urls import reverse

from accounts.identity import Identity
from accounts.models import User
from paywall import access, articles, entitlements, metering, perspectives, rules, timeline
from paywall.decision.article import Demand
from paywall.decision.reasons import Access, Reason
from paywall.models import CrawlerPolicy
from tests.factories.accounts import a_member_of_staff
from tests.factories.paywall import DAY, MARKER, NOON, article, draft, failed, grant, meter, product

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

SOURCE = "subscription:sub_1"


def told(who: User, *, days: int = 20) -> list[tuple[float, Reason]]:
    """Return when each span began, in days before noon, and its reason."""
    spans = timeline.of(who, articles.for_decision("harbour-vote"), since=NOON - days * DAY, until=NOON)
    assert all(one.ends_at == other.starts_at for one, other in pairwise(spans))
    return [((NOON - span.starts_at) / DAY, span.reason) for span in spans]


class TestTimeline:
    def test_tells_what_was_decided_by_what_was_known_then(self, mara: User) -> None:
        article(published_at=NOON - 30 * DAY)
        product("premium")
        entitlements.replace(
            mara, source=SOURCE, grants=(grant(ends_at=NOON - 5 * DAY),), now=NOON - 10 * DAY
        )
        late = failed(ends_at=NOON - 5 * DAY, grace_until=NOON - 2 * DAY)
        entitlements.replace(mara, source=SOURCE, grants=(late,), now=NOON - 4 * DAY)
        assert told(mara) == [
            (20, Reason.SUBSCRIPTION_REQUIRED),
            (10, Reason.ENTITLED),
            (5, Reason.SUBSCRIPTION_ENDED),  # the news of the failed payment came a day late
            (4, Reason.GRACE_PERIOD),
            (2, Reason.PAYMENT_FAILED),
        ]

    def test_knows_rules_and_free_reads(self, mara: User) -> None:
        article(demand="", published_at=NOON - 30 * DAY)
        was = meter(now=NOON - 15 * DAY, reader_reads=1, meter_window="days", meter_days=3)
        terms = rules.published(was.key).meter
        assert terms is not None
        metering.spend(Identity(mara), "another", terms=terms, now=NOON - 10 * DAY)
        free = draft(otherwise_demand=Demand.FREE, otherwise_products=[])
        rules.publish(free, by=None, now=NOON - 2 * DAY)
        assert told(mara) == [
            (20, Reason.SUBSCRIPTION_REQUIRED),
            (15, Reason.METERED),
            (10, Reason.METER_EXHAUSTED),
            (7, Reason.METERED),
            (2, Reason.FREE),
        ]

    def test_of_now_is_the_decision_of_now(self, mara: User) -> None:
        article()
        product("premium")
        entitlements.replace(mara, source=SOURCE, grants=(grant(),), now=NOON - DAY)
        decided = access.peek(Identity(mara), articles.for_decision("harbour-vote"), now=NOON)
        assert told(mara)[-1][1] is decided.reason

    def test_is_shown_where_an_access_is_explained(self, client: Client, mara: User) -> None:
        article()
        product("premium")
        entitlements.replace(mara, source=SOURCE, grants=(grant(),), now=NOON - DAY)
        client.force_login(a_member_of_staff())
        asked = {"reader": mara.email, "article": "harbour-vote"}
        page = client.get(reverse("admin:paywall_explain"), asked).content.decode()
        shown = page[page.index('id="timeline"') :]
        assert shown.index("entitled") < shown.index("unpublished")


class TestPerspectives:
    def test_show_an_article_as_everybody_sees_it(self) -> None:
        meter(meter_window="days", meter_days=7)
        product("culture")
        article(demand="")
        CrawlerPolicy.objects.create(kind="search", shown="full")
        CrawlerPolicy.objects.create(kind="archive", shown="none")
        seen = perspectives.of(articles.for_decision("harbour-vote"), now=NOON)
        assert [(each.name, each.decision.reason.value) for each in seen] == [
            ("a stranger", "metered"),
            ("a stranger without free reads left", "meter_exhausted"),
            ("a registered reader", "metered"),
            ("a registered reader without free reads left", "meter_exhausted"),
            ("a subscriber", "entitled"),
            ("a subscriber whose card failed, in grace", "grace_period"),
            ("a subscriber whose card failed", "metered"),
            ("a subscriber whose card failed without free reads left", "payment_failed"),
            ("a subscriber whose bank wants a confirmation", "metered"),
            (
                "a subscriber whose bank wants a confirmation without free reads left",
                "payment_action_required",
            ),
            ("a subscriber who pauses", "metered"),
            ("a subscriber who pauses without free reads left", "subscription_paused"),
            ("a former subscriber", "metered"),
            ("a former subscriber without free reads left", "subscription_ended"),
            ("a subscriber to culture", "metered"),
            ("a subscriber to culture without free reads left", "upgrade_required"),
            ("a guest by gift", "gift_link"),
            ("a member of an institution", "institution"),
            ("a proven crawler: archives", "crawler_refused"),
            ("a proven crawler: search engines", "verified_crawler"),
            ("any other crawler", "metered"),
            ("staff", "staff"),
            ("a blocked account", "account_blocked"),
        ]

    def test_agree_that_what_is_withdrawn_is_withdrawn(self) -> None:
        article(unpublished_at=NOON - timedelta(hours=1))
        seen = perspectives.of(articles.for_decision("harbour-vote"), now=NOON)
        assert {each.decision.access for each in seen} == {Access.NONE}

    def test_have_a_page_without_the_text(self, client: Client) -> None:
        article()
        client.force_login(a_member_of_staff())
        page = client.get(reverse("admin:paywall_article_perspectives", args=["harbour-vote"]))
        assert page.status_code == 200
        assert "payment_failed" in page.content.decode()
        assert MARKER not in page.content.decode()
        missing = reverse("admin:paywall_article_perspectives", args=["nowhere"])
        assert client.get(missing).status_code == 404
