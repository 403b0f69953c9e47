"""Staff state the catalogue in the admin: rehearsed, agreed to, done, and kept with who did it and why."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from accounts.models import User
from billing import catalogue
from tests.billing.market import Market
from tests.billing.test_assortment import BOOKS
from tests.factories.accounts import a_member_of_staff, a_reader

PAGE = "/admin/billing/plan/state/"


@pytest.fixture
def staff(client: Client, market: Market) -> Client:
    client.force_login(a_member_of_staff())
    return client


def look(staff: Client, text: str) -> Any:
    return staff.post(PAGE, {"text": text, "look": "1"})


def agree(staff: Client, text: str, *, agreed: str, reason: str = "New season") -> Any:
    return staff.post(PAGE, {"text": text, "agreed": agreed, "reason": reason, "apply": "1"})


def test_the_page_begins_with_what_is_there_and_leads_there_from_the_list(staff: Client) -> None:
    assert PAGE in staff.get(reverse("admin:billing_plan_changelist")).content.decode()
    assert "premium_monthly" in staff.get(PAGE).content.decode()


def test_rehearsed_then_done_then_kept(staff: Client, market: Market) -> None:
    shown = look(staff, BOOKS)
    assert "Make the plan Everything (everything)" in shown.content.decode()
    assert not market.objects("coupon")
    answer = agree(staff, BOOKS, agreed=shown.context["proposal"].digest)
    assert answer.status_code == 302
    assert catalogue.find("everything_monthly").unit_amount == 1290
    entry = LogEntry.objects.get(object_repr="Everything")
    assert entry.get_change_message().startswith("New season: Make the coupon hello")
    assert look(staff, BOOKS).context["proposal"].steps == ()


def test_a_file_may_be_uploaded(staff: Client) -> None:
    file = SimpleUploadedFile("catalogue.toml", BOOKS.encode())
    shown = staff.post(PAGE, {"upload": file, "look": "1"})
    assert "everything_yearly_chf" in shown.content.decode()
    binary = SimpleUploadedFile("catalogue.toml", b"\xff\xfe\x00")
    assert "This file is no text." in staff.post(PAGE, {"upload": binary, "look": "1"}).content.decode()


def test_mistakes_are_told_and_nothing_is_done(staff: Client, market: Market) -> None:
    shown = look(staff, BOOKS.replace("amount = 1290", "amount = 12.90"))
    assert "everything_monthly.amount" in shown.content.decode()
    assert "Give a file or its text." in look(staff, "").content.decode()
    assert not market.objects("coupon")


@pytest.mark.parametrize(("agreed", "reason"), [("another", "Because"), ("", "Because"), (None, "")])
def test_nothing_is_done_without_a_reason_or_after_something_changed(
    staff: Client, market: Market, agreed: str | None, reason: str
) -> None:
    digest = look(staff, BOOKS).context["proposal"].digest if agreed is None else agreed
    assert agree(staff, BOOKS, agreed=digest, reason=reason).status_code == 200
    assert not market.objects("coupon")


def test_stripe_down_is_said_and_what_was_done_is_kept(staff: Client, market: Market) -> None:
    digest = look(staff, BOOKS).context["proposal"].digest
    market.fault(target="api", kind="status", match="POST /v1/promotion_codes", status=429, left=9)
    answer = agree(staff, BOOKS, agreed=digest)
    assert "still to be done" in answer.content.decode()
    assert LogEntry.objects.filter(object_repr="Everything").count() == 1
    assert catalogue.find("everything_monthly").active


def test_only_with_the_right_and_the_token(client: Client, market: Market) -> None:
    client.force_login(a_reader())
    assert client.get(PAGE).status_code == 302
    colleague = a_reader()
    User.objects.filter(pk=colleague.pk).update(is_staff=True)
    colleague.user_permissions.add(Permission.objects.get(codename="view_plan"))
    client.force_login(colleague)
    assert client.get(PAGE).status_code == client.post(PAGE, {"text": BOOKS}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(a_member_of_staff())
    assert strict.post(PAGE, {"text": BOOKS}).status_code == 403
