"""What staff see of readers and mails, and what they cannot touch."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from accounts.models import Mail, Session, User
from tests.factories.accounts import a_mail, a_member_of_staff, a_reader

pytestmark = pytest.mark.django_db


@pytest.fixture
def staff(client: Client) -> Client:
    client.force_login(a_member_of_staff())
    return client


def test_finds_a_reader_by_address_and_by_public_id(staff: Client) -> None:
    reader, other = a_reader("ada@example.org"), a_reader("bob@example.org")
    for term in ("ADA@", reader.public_id):
        page = staff.get(reverse("admin:accounts_user_changelist"), {"q": term}).content.decode()
        assert reader.email in page
        assert other.email not in page


def test_leads_from_a_reader_to_mails_and_sessions(staff: Client, now: datetime) -> None:
    reader = a_reader("ada@example.org")
    Client().force_login(reader)
    mail = a_mail(now=now)
    Mail.objects.update(reader=reader)
    a_mail(now=now, to="somebody-else@example.org")
    page = staff.get(reverse("admin:accounts_user_change", args=[reader.pk])).content.decode()
    link = f"{reverse('admin:accounts_mail_changelist')}?reader__id__exact={reader.pk}"
    assert link in page
    mails = staff.get(link)
    assert mails.status_code == HTTPStatus.OK
    assert mail.to in mails.content.decode()
    assert "somebody-else" not in mails.content.decode()
    signed_in = staff.get(f"{reverse('admin:accounts_session_changelist')}?reader__id__exact={reader.pk}")
    assert signed_in.status_code == HTTPStatus.OK


def test_never_shows_the_text_of_a_mail(staff: Client, now: datetime) -> None:
    mail = a_mail(now=now)
    Mail.objects.update(text="code 424242")
    page = staff.get(reverse("admin:accounts_mail_change", args=[mail.pk])).content.decode()
    assert mail.dedup_key in page
    assert "424242" not in page


def test_tries_a_dead_mail_again(staff: Client, now: datetime) -> None:
    mail = a_mail(now=now)
    Mail.objects.update(state=Mail.State.DEAD, attempts=8)
    staff.post(
        reverse("admin:accounts_mail_changelist"), {"action": "try_again", "_selected_action": [str(mail.pk)]}
    )
    mail.refresh_from_db()
    assert (mail.state, mail.attempts) == (Mail.State.QUEUED, 0)


def test_signs_a_reader_out_everywhere(staff: Client) -> None:
    reader = a_reader()
    Client().force_login(reader)
    staff.post(
        reverse("admin:accounts_user_changelist"),
        {"action": "sign_out_everywhere", "_selected_action": [str(reader.pk)]},
    )
    assert not Session.objects.filter(reader=reader).exists()


def test_deletes_no_reader_and_edits_no_mail(staff: Client, now: datetime) -> None:
    reader, mail = a_reader(), a_mail(now=now)
    delete = staff.post(reverse("admin:accounts_user_delete", args=[reader.pk]), {"post": "yes"})
    assert delete.status_code == HTTPStatus.FORBIDDEN
    edit = staff.post(reverse("admin:accounts_mail_change", args=[mail.pk]), {"to": "x@example.org"})
    assert edit.status_code == HTTPStatus.FORBIDDEN


def test_adds_a_reader_without_a_password(staff: Client) -> None:
    form = {"email": "New@Example.org", "is_active": "on"}
    # The floors above may show their own rows on this page.
    for rows in staff.get(reverse("admin:accounts_user_add")).context["inline_admin_formsets"]:
        prefix = rows.formset.prefix
        form |= {f"{prefix}-TOTAL_FORMS": "0", f"{prefix}-INITIAL_FORMS": "0"}
    answer = staff.post(reverse("admin:accounts_user_add"), form)
    assert answer.status_code == HTTPStatus.FOUND
    assert not User.objects.get(email="new@example.org").has_usable_password()


@pytest.mark.parametrize("field", ["groups", "user_permissions"])
@pytest.mark.parametrize("key", ["9" * 20, "9" * 400, "x", "\x00"])
def test_a_key_that_no_database_holds_is_no_choice(staff: Client, field: str, key: str) -> None:
    answer = staff.post(reverse("admin:accounts_user_add"), {"email": "ada@example.org", field: [key]})
    assert answer.status_code == HTTPStatus.OK
    assert "errorlist" in answer.content.decode()


@pytest.fixture
def viewer(client: Client) -> Client:
    """A member of staff who may look at everything and change nothing."""
    looks = a_reader("viewer@example.org", is_staff=True)
    looks.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(looks)
    return client


@pytest.mark.parametrize(
    ("page", "hidden", "shown"),
    [
        ("accounts_user", "password__startswith=s", "email__startswith=a"),
        ("accounts_mail", "text__contains=4", "reader__id__exact=1"),
        ("accounts_session", "session_data__startswith=a", "ip__exact=127.0.0.1"),
        ("mfa_authenticator", "data__secret__startswith=A", "type__exact=totp"),
    ],
)
def test_what_a_page_hides_cannot_be_filtered_by(staff: Client, page: str, hidden: str, shown: str) -> None:
    address = reverse(f"admin:{page}_changelist")
    assert staff.get(f"{address}?{hidden}").status_code == HTTPStatus.BAD_REQUEST
    assert staff.get(f"{address}?{shown}").status_code == HTTPStatus.OK


def test_who_may_only_look_ends_no_session_and_sends_no_mail(viewer: Client, now: datetime) -> None:
    reader, mail = a_reader(), a_mail(now=now)
    Client().force_login(reader)
    Mail.objects.update(state=Mail.State.DEAD)
    for page, action, row in (
        ("accounts_user", "sign_out_everywhere", reader.pk),
        ("accounts_mail", "try_again", mail.pk),
    ):
        address = reverse(f"admin:{page}_changelist")
        assert viewer.get(address).status_code == HTTPStatus.OK
        viewer.post(address, {"action": action, "_selected_action": [str(row)]})
    assert Session.objects.filter(reader=reader).exists()
    assert Mail.objects.get().state == Mail.State.DEAD


def test_shows_no_secret_of_a_second_factor_and_lets_nobody_set_one(staff: Client) -> None:
    TOTP.activate(a_reader("ada@example.org"), "ABCDEFGHIJKLMNOP")
    factor = Authenticator.objects.get()
    page = staff.get(reverse("admin:mfa_authenticator_change", args=[factor.pk])).content.decode()
    assert "ada@example.org" in page
    assert "ABCDEFGH" not in page
    assert staff.post(reverse("admin:mfa_authenticator_add"), {}).status_code == HTTPStatus.FORBIDDEN


def test_staff_prove_no_address_by_hand() -> None:
    assert not admin.site.is_registered(EmailAddress)
