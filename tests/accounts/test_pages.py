"""The account pages, as people walk through them: sign up, sign in, wrong codes, and back to the article."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import pytest
from django.test import Client

from accounts.models import KnownDevice, Session, User
from tests.accounts.mailbox import kinds, last_code
from tests.factories.accounts import a_member_of_staff, a_reader

LOGIN, CODE = "/account/login/", "/account/login/code/confirm/"
SIGNUP, PROVE = "/account/signup/", "/account/confirm-email/"
ARTICLE = "http://localhost:8001/articles/harbour-vote/"

pytestmark = pytest.mark.django_db


def is_signed_in(client: Client) -> bool:
    return client.get("/api/v1/session").json()["reader"] is not None


def wrong(code: str) -> str:
    return "000000" if code != "000000" else "111111"


class TestSignUp:
    def test_by_address_and_code_leads_back_to_the_article(self, client: Client) -> None:
        asked = client.get(SIGNUP, {"next": ARTICLE})
        assert asked.status_code == HTTPStatus.OK
        assert ARTICLE in asked.content.decode()
        sent = client.post(SIGNUP, {"email": "Ada@Example.org", "next": ARTICLE})
        assert sent["Location"] == PROVE
        assert client.get(PROVE).status_code == HTTPStatus.OK
        assert not is_signed_in(client)
        done = client.post(PROVE, {"code": last_code("ada@example.org")})
        assert done["Location"] == ARTICLE
        answer = client.get("/api/v1/session").json()["reader"]
        assert (answer["email"], answer["email_verified"]) == ("ada@example.org", True)
        assert not User.objects.get().has_usable_password()
        assert kinds("ada@example.org") == ["email_confirmation_signup"]

    def test_takes_no_password(self, client: Client) -> None:
        client.post(SIGNUP, {"email": "ada@example.org", "password1": "correct horse battery"})
        assert not User.objects.get().has_usable_password()

    def test_again_after_losing_the_code_simply_works(self, client: Client) -> None:
        client.post(SIGNUP, {"email": "ada@example.org"})
        later = Client()
        later.post(SIGNUP, {"email": "ada@example.org"})
        later.post(PROVE, {"code": last_code("ada@example.org")})
        assert is_signed_in(later)
        assert User.objects.count() == 1

    def test_with_a_known_address_looks_the_same_and_writes_to_the_owner(self, client: Client) -> None:
        a_reader("ada@example.org")
        known = client.post(SIGNUP, {"email": "ada@example.org"})
        unknown = Client().post(SIGNUP, {"email": "bob@example.org"})
        assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
        assert kinds("ada@example.org") == ["account_already_exists"]
        client.post(PROVE, {"code": "123456"})
        assert not is_signed_in(client)

    def test_can_be_started_over_after_a_typing_error(self, client: Client) -> None:
        client.post(SIGNUP, {"email": "adda@example.org"})
        assert client.get(SIGNUP)["Location"] == PROVE
        assert client.post("/account/logout/", {"next": SIGNUP})["Location"] == SIGNUP
        assert client.get(SIGNUP).status_code == HTTPStatus.OK


class TestSignIn:
    def test_by_code_leads_back_to_the_article(self, client: Client) -> None:
        a_reader("ada@example.org")
        assert client.get(LOGIN, {"next": ARTICLE}).status_code == HTTPStatus.OK
        sent = client.post(LOGIN, {"login": "ADA@example.org", "next": ARTICLE})
        assert sent["Location"].startswith(CODE)
        page = client.get(sent["Location"])
        assert ARTICLE in page.content.decode()
        done = client.post(CODE, {"code": last_code("ada@example.org"), "next": ARTICLE})
        assert done["Location"] == ARTICLE
        assert is_signed_in(client)

    def test_with_a_password_needs_no_code(self, client: Client) -> None:
        a_reader("ada@example.org", password="correct horse battery")
        done = client.post(LOGIN, {"login": "ada@example.org", "password": "correct horse battery"})
        assert done["Location"] == "/account/"
        assert kinds("ada@example.org") == []
        assert is_signed_in(client)

    def test_tells_nothing_about_who_exists(self, client: Client) -> None:
        a_reader("ada@example.org")
        known = client.post(LOGIN, {"login": "ada@example.org"})
        unknown = Client().post(LOGIN, {"login": "eve@example.org"})
        assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
        assert kinds("eve@example.org") == []

    def test_of_somebody_blocked_looks_like_an_unknown_address(self, client: Client) -> None:
        a_reader("ada@example.org", is_active=False)
        assert client.post(LOGIN, {"login": "ada@example.org"})["Location"] == CODE
        assert kinds("ada@example.org") == []

    def test_ends_after_three_wrong_codes(self, client: Client) -> None:
        a_reader("ada@example.org")
        client.post(LOGIN, {"login": "ada@example.org"})
        code = last_code("ada@example.org")
        for _ in range(3):
            client.post(CODE, {"code": wrong(code)})
        client.post(CODE, {"code": code})
        assert not is_signed_in(client)

    def test_takes_a_code_only_in_the_session_that_asked(self, client: Client) -> None:
        a_reader("ada@example.org")
        client.post(LOGIN, {"login": "ada@example.org"})
        first = last_code("ada@example.org")
        other = Client()
        other.post(LOGIN, {"login": "ada@example.org"})
        if first != last_code("ada@example.org"):
            other.post(CODE, {"code": first})
            assert not is_signed_in(other)
        nobody = Client()
        nobody.post(CODE, {"code": first})
        assert not is_signed_in(nobody)

    def test_takes_a_code_once(self, client: Client) -> None:
        a_reader("ada@example.org")
        client.post(LOGIN, {"login": "ada@example.org"})
        before = client.cookies["session"].value
        code = last_code("ada@example.org")
        client.post(CODE, {"code": code})
        assert client.cookies["session"].value != before, "the session key changes at sign-in"
        client.post("/account/logout/")
        client.post(CODE, {"code": code})
        assert not is_signed_in(client)
        old = Client()
        old.cookies["session"] = before
        old.post(CODE, {"code": code})
        assert not is_signed_in(old)

    def test_proves_an_address_that_was_never_proven(self, client: Client) -> None:
        reader = a_reader("ada@example.org", proven=False)
        client.post(LOGIN, {"login": "ada@example.org"})
        client.post(CODE, {"code": last_code("ada@example.org")})
        assert is_signed_in(client)
        assert reader.email_is_proven
        assert kinds("ada@example.org") == ["login_code"]

    def test_knows_the_device_again(self, client: Client) -> None:
        reader = a_reader("ada@example.org", password="correct horse battery")
        client.post(LOGIN, {"login": "ada@example.org", "password": "correct horse battery"})
        known = KnownDevice.objects.get(reader=reader)
        assert client.cookies["device"].value.startswith(known.device)


class TestPasswordReset:
    def test_by_code_ends_every_session(self, client: Client) -> None:
        reader = a_reader("ada@example.org", password="correct horse battery")
        elsewhere = Client()
        elsewhere.force_login(reader)
        client.post("/account/password/reset/", {"email": "ada@example.org"})
        client.post("/account/password/reset/confirm/", {"code": last_code("ada@example.org")})
        new = "another horse battery"
        client.post("/account/password/reset/complete/", {"password1": new, "password2": new})
        assert not is_signed_in(elsewhere)
        client.post(LOGIN, {"login": "ada@example.org", "password": new})
        assert is_signed_in(client)

    def test_tells_nothing_about_who_exists(self, client: Client) -> None:
        a_reader("ada@example.org")
        known = client.post("/account/password/reset/", {"email": "ada@example.org"})
        unknown = Client().post("/account/password/reset/", {"email": "eve@example.org"})
        assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
        assert kinds("eve@example.org") == []


class TestSessionsPage:
    def test_lists_and_ends(self, client: Client) -> None:
        reader = a_reader(password="correct horse battery")
        phone = Client(HTTP_USER_AGENT="Phone")
        for device in (client, phone):
            device.post(LOGIN, {"login": reader.email, "password": "correct horse battery"})
        page = client.get("/account/sessions/").content.decode()
        assert "Phone" in page
        row = Session.objects.get(user_agent="Phone")
        client.post("/account/sessions/", {"end": row.pk})
        assert not is_signed_in(phone)
        assert is_signed_in(client)

    @pytest.mark.parametrize("end", ["", "\x00", "a\x00b", "x" * 9999])
    def test_an_id_that_is_none_ends_nothing(self, client: Client, end: str) -> None:
        client.force_login(a_reader())
        assert client.post("/account/sessions/", {"end": end}).status_code == HTTPStatus.FOUND
        assert Session.objects.count() == 1

    def test_ends_all_others_but_never_another_reader(self, client: Client) -> None:
        reader, stranger = a_reader(), a_reader()
        theirs, mine = Client(), Client()
        theirs.force_login(stranger)
        mine.force_login(reader)
        client.force_login(reader)
        client.post("/account/sessions/", {"end": Session.objects.get(reader=stranger).pk})
        client.post("/account/sessions/", {"end": "others"})
        assert is_signed_in(theirs)
        assert is_signed_in(client)
        assert not is_signed_in(mine)

    def test_is_for_readers(self, client: Client) -> None:
        assert client.get("/account/sessions/")["Location"].startswith(LOGIN)


class TestStaff:
    def test_sign_in_to_the_admin_through_the_same_page(self, client: Client) -> None:
        staff = a_member_of_staff(password="correct horse battery")
        assert client.get("/admin/login/", {"next": "/admin/"})["Location"] == f"{LOGIN}?next=%2Fadmin%2F"
        sent = client.post(
            LOGIN, {"login": staff.email, "password": "correct horse battery", "next": "/admin/"}
        )
        assert sent["Location"] == "/admin/"
        assert client.get("/admin/").status_code == HTTPStatus.OK

    def test_readers_stay_out(self, client: Client) -> None:
        client.force_login(a_reader())
        assert client.get("/admin/login/").status_code == HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example/",
        "http:evil.example",
        "https:/evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "http://localhost:8001.evil.example/",
        "http://localhost:8001@evil.example/",
        "http://localhost:80011/",
        "https://localhost:8001/",
        "http://LOCALHOST:8001\\@evil.example/",
        "javascript:alert(1)",
        "data:text/html,x",
        " https://evil.example/",
        "http://[::1",
        "//",
        "//\t/evil.example",
        "\thttps://evil.example/",
        "http://localhost/",
        "http://127.0.0.1:8001/",
    ],
)
def test_nobody_is_sent_elsewhere(client: Client, target: str) -> None:
    reader = a_reader(password="correct horse battery")
    form: dict[str, Any] = {"login": reader.email, "password": "correct horse battery", "next": target}
    assert client.post(LOGIN, form)["Location"] == "/account/"


@pytest.mark.parametrize("target", [ARTICLE, "/account/card/?return_url=x", "http://localhost:8000/account/"])
def test_the_way_back_is_kept(client: Client, target: str) -> None:
    reader = a_reader(password="correct horse battery")
    form = {"login": reader.email, "password": "correct horse battery", "next": target}
    assert client.post(LOGIN, form)["Location"] == target
