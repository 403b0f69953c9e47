"""Why could she read this, or not, last Tuesday at ten past nine: to the site's support desk and in the admin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import User
from accounts.signals import reader_closing
from paywall import access, entitlements
from paywall.decision.reasons import Reason
from paywall.models import Article
from tests.factories.paywall import DAY, MARKER, NOON, article, failed, grant, product, reader
from tests.paywall.conftest import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

SOURCE = "subscription:sub_1"
HOUR = timedelta(hours=1)


@pytest.fixture
def story(mara: User) -> Article:
    """Paid until yesterday; the failed payment became known this morning, six hours ago."""
    found = article()
    entitlements.replace(mara, source=SOURCE, grants=(grant(),), now=NOON - 10 * DAY)
    entitlements.replace(
        mara,
        source=SOURCE,
        grants=(failed(ends_at=NOON - DAY, grace_until=NOON - DAY / 2),),
        now=NOON - 6 * HOUR,
    )
    return found


def test_what_she_saw_is_not_what_we_know_now(mara: User, story: Article) -> None:
    then = NOON - 8 * HOUR
    saw = access.explain(mara, story, at=then, known_at=then)
    know = access.explain(mara, story, at=then, known_at=NOON)
    assert saw.decision.reason is Reason.ENTITLED
    assert know.decision.reason is Reason.PAYMENT_FAILED


def test_every_step_is_told_asked_or_not(mara: User, story: Article) -> None:
    told = access.explain(mara, story, at=NOON - 8 * HOUR, known_at=NOON - 8 * HOUR)
    assert [(step.step, step.was_asked, step.reason) for step in told.steps] == [
        ("unpublished", True, None),
        ("embargoed", True, None),
        ("free", True, None),
        ("blocked", True, None),
        ("staff", True, None),
        ("registered", True, None),
        ("entitled", True, Reason.ENTITLED),
        ("in_grace", False, None),
        ("institution", False, None),
        ("verified_crawler", False, None),
        ("gift_link", False, None),
        ("metered", False, None),
        ("nearest_way_in", False, None),
    ]
    assert all(step.purpose for step in told.steps)


def test_every_fact_has_its_origin(mara: User, story: Article) -> None:
    told = access.explain(mara, story, at=NOON, known_at=NOON)
    right = next(fact for fact in told.facts if fact.name == "right.premium")
    assert right.value.startswith(
        "payment_failed: from 2026-11-15 12:00:00 UTC, until 2026-11-24 12:00:00 UTC"
    )
    assert "card Visa •••• 0341, cause card_declined" in right.value
    assert "from subscription:sub_1, recorded 2026-11-25 06:00:00 UTC" in right.origin
    assert all(fact.origin for fact in told.facts)


def test_what_is_no_longer_known_is_admitted(mara: User, story: Article) -> None:
    long_ago = NOON - 100 * DAY
    assert len(access.explain(mara, story, at=long_ago, known_at=long_ago).caveats) == 2
    assert access.explain(None, story, at=NOON, known_at=NOON).caveats == ()


def test_the_site_asks_why(site: Client, mara: User, story: Article) -> None:
    asked = {"reader": mara.public_id, "at": "2026-11-25T04:00:00Z", "known_at": "2026-11-25T05:00:00+01:00"}
    found = site.get("/api/v1/articles/harbour-vote/explain", query_params=asked).json()
    assert found["decision"]["reason"] == "entitled"
    assert (found["at"], found["known_at"]) == ("2026-11-25T04:00:00Z", "2026-11-25T04:00:00Z")
    assert {step["step"] for step in found["steps"]} >= {"entitled", "in_grace"}
    now = site.get("/api/v1/articles/harbour-vote/explain", query_params={"reader": mara.public_id}).json()
    assert now["decision"]["reason"] == "payment_failed"


def test_a_moment_without_a_zone_is_refused(site: Client, story: Article) -> None:
    answer = site.get("/api/v1/articles/harbour-vote/explain", query_params={"at": "2026-11-25T04:00:00"})
    assert answer.status_code == 400


@pytest.mark.usefixtures("mara", "story")
class TestAdmin:
    """The page for staff."""

    @pytest.fixture
    def staff(self) -> Client:
        return sign_in(User.objects.create_superuser("desk@courant.example"))

    def explain(self, client: Client, **asked: str) -> str:
        answer = client.get(reverse("admin:paywall_explain"), asked)
        assert answer.status_code == 200
        return answer.content.decode()

    def test_it_shows_the_decision_the_notice_the_steps_and_the_facts(self, staff: Client) -> None:
        page = self.explain(staff, reader="Mara@Readers.example", article="harbour-vote")
        for expected in (
            "payment_failed",
            "Your card Visa •••• 0341 was declined.",
            "/account/card/?return_url=",
            "nearest_way_in",
            "subscription:sub_1",
            reverse("admin:paywall_article_change", args=["harbour-vote"]),
        ):
            assert expected in page
        assert MARKER not in page

    def test_it_looks_into_the_past(self, staff: Client, mara: User, story: Article) -> None:
        then = "2026-11-25T04:00:00"
        page = self.explain(staff, reader=mara.public_id, article=story.url, at=then, known_at=then)
        assert "<strong>entitled</strong>" in page

    def test_it_explains_strangers(self, staff: Client) -> None:
        assert "subscription_required" in self.explain(staff, reader="", article="harbour-vote")

    @pytest.mark.parametrize("asked", [{"article": "nothing"}, {"article": "/x"}, {"article": ""}], ids=str)
    def test_it_says_what_it_does_not_find(self, staff: Client, asked: dict[str, str]) -> None:
        assert "errorlist" in self.explain(staff, **asked)
        assert "errorlist" in self.explain(staff, article="harbour-vote", reader="nobody@readers.example")

    def test_it_is_for_staff_who_may_see_rights(self, mara: User) -> None:
        mara.is_staff = True
        mara.save()
        page = reverse("admin:paywall_explain")
        assert sign_in(mara).get(page).status_code == 403
        mara.user_permissions.set(
            Permission.objects.filter(codename__in=["view_entitlement", "view_article"])
        )
        assert sign_in(mara).get(page).status_code == 200
        assert sign_in(reader("jon@readers.example")).get(page).status_code == 302

    def test_lists_and_pages_are_read_only_and_show_no_body(self, staff: Client, mara: User) -> None:
        row = mara.entitlements.first()
        assert row is not None
        for path in (
            reverse("admin:paywall_article_changelist") + "?q=harbour",
            reverse("admin:paywall_article_change", args=["harbour-vote"]),
            reverse("admin:paywall_entitlement_changelist") + f"?reader__id__exact={mara.pk}",
            reverse("admin:paywall_entitlement_change", args=[row.pk]),
            reverse("admin:paywall_product_changelist"),
            reverse("admin:paywall_product_change", args=["premium"]),
        ):
            answer = staff.get(path)
            assert answer.status_code == 200
            assert MARKER not in answer.content.decode()
        articles = reverse("admin:paywall_article_changelist")
        assert staff.get(f"{articles}?body__startswith=a").status_code == 400
        assert staff.get(reverse("admin:paywall_article_add")).status_code == 403
        assert staff.post(reverse("admin:paywall_entitlement_delete", args=[row.pk])).status_code == 403

    def test_the_history_is_one_click_away(self, staff: Client) -> None:
        page = staff.get(reverse("admin:paywall_entitlement_changelist"), {"q": "mara@"}).content.decode()
        assert page.count("subscription:sub_1") >= 2
        assert "explain" in staff.get(reverse("admin:paywall_article_changelist")).content.decode()

    def test_the_pages_of_reader_and_article_lead_to_it(self, staff: Client, mara: User) -> None:
        page = reverse("admin:paywall_explain")
        of_reader = staff.get(reverse("admin:accounts_user_change", args=[mara.pk])).content.decode()
        of_article = staff.get(
            reverse("admin:paywall_article_change", args=["harbour-vote"])
        ).content.decode()
        assert f"{page}?reader={mara.public_id}" in of_reader
        assert f"{page}?article=harbour-vote" in of_article
        assert f'value="{mara.public_id}"' in self.explain(staff, reader=mara.public_id)

    def test_a_product_keeps_its_name_in_the_api(self, staff: Client, story: Article) -> None:
        staff.post(
            reverse("admin:paywall_product_change", args=["premium"]), {"slug": "other", "name": "All of it"}
        )
        assert list(story.products) == ["premium"]
        assert [each.slug for each in type(product("premium")).objects.all()] == ["premium"]


def test_a_closing_reader_leaves_no_rights(mara: User, story: Article) -> None:
    reader_closing.send(sender=User, reader=mara, now=NOON)
    assert not mara.entitlements.exists()
