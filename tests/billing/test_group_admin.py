"""Staff see who sits in a group and end a seat, with a reason that is kept; the token's hash is shown to nobody."""

from __future__ import annotations

from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse

from billing.models import Seat
from tests.billing.groups import a_family, seat_of
from tests.billing.market import Market
from tests.factories.accounts import a_member_of_staff


def test_staff_end_a_seat_only_with_a_reason(client: Client, market: Market) -> None:
    client.force_login(a_member_of_staff())
    owner, (member,) = a_family(market, members=1)
    seat = seat_of(member)
    chosen = {"action": "end", "_selected_action": [seat.pk]}
    client.post(reverse("admin:billing_seat_changelist"), {**chosen, "reason": " "})
    assert Seat.objects.living().exists()
    client.post(reverse("admin:billing_seat_changelist"), {**chosen, "reason": "She wrote to us."})
    seat.refresh_from_db()
    assert (seat.ending, seat.reason) == ("staff", "She wrote to us.")
    assert "She wrote to us." in LogEntry.objects.get().change_message
    page = client.get(reverse("admin:billing_subscription_change", args=[seat.subscription_id]))
    assert member.email in page.content.decode()
    page = client.get(reverse("admin:billing_seat_change", args=[seat.pk]))
    assert seat.token_hash not in page.content.decode()
    rights = client.get(reverse("admin:paywall_entitlement_changelist"), {"reader__id__exact": member.pk})
    assert f"{seat.source}</a>" in rights.content.decode()
    assert owner.email not in rights.content.decode()
