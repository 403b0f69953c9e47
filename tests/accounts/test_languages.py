"""The language that a reader is spoken to in: the one chosen last, on pages, in mails and on the next device."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.test import Client

from accounts.models import Mail, User
from tests.accounts.mailbox import last_code
from tests.factories.accounts import a_reader

SWITCH, LOGIN, SIGNUP = "/i18n/setlang/", "/account/login/", "/account/signup/"
COOKIE = "django_language"

pytestmark = pytest.mark.django_db


class TestTheSwitch:
    def test_stands_on_every_page_and_leads_back_to_it(self, client: Client) -> None:
        page = client.get(f"{LOGIN}?next=/account/card/").content.decode()
        assert f'action="{SWITCH}"' in page
        assert 'name="next" value="/account/login/?next=/account/card/"' in page

    def test_changes_the_language_and_goes_back(self, client: Client) -> None:
        answer = client.post(SWITCH, {"language": "de", "next": LOGIN})
        assert answer["Location"] == LOGIN
        cookie = answer.cookies[COOKIE]
        assert (cookie.value, cookie["samesite"], bool(cookie["httponly"])) == ("de", "Lax", True)
        assert "private" in answer["Cache-Control"]
        page = client.get(LOGIN)
        assert 'lang="de"' in page.content.decode()
        assert page["Content-Language"] == "de"
        assert "Accept-Language" in page["Vary"]
        assert "no-store" in page["Cache-Control"] or "private" in page["Cache-Control"]

    @pytest.mark.parametrize(
        "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)", ""]
    )
    def test_never_leads_elsewhere(self, client: Client, target: str) -> None:
        answer = client.post(
            SWITCH, {"language": "de", "next": target}, headers={"Referer": "https://evil.example/"}
        )
        assert answer["Location"] == "/"

    def test_needs_a_token_of_ours(self) -> None:
        strict = Client(enforce_csrf_checks=True)
        answer = strict.post(SWITCH, {"language": "de", "next": LOGIN})
        assert answer.status_code == HTTPStatus.FORBIDDEN
        assert COOKIE not in answer.cookies

    def test_changes_nothing_when_it_is_only_visited(self, client: Client) -> None:
        answer = client.get(SWITCH, {"language": "de", "next": LOGIN})
        assert answer["Location"] == LOGIN
        assert COOKIE not in answer.cookies

    @pytest.mark.parametrize("language", ["de", "xx", "de\x00", ""])
    def test_is_kept_with_the_account(self, client: Client, language: str) -> None:
        reader = a_reader(language="en")
        client.force_login(reader)
        client.post(SWITCH, {"language": language, "next": "/account/"})
        reader.refresh_from_db()
        assert reader.language == ("de" if language == "de" else "en")


class TestSignUp:
    def test_keeps_the_language_of_the_page(self, client: Client) -> None:
        client.post(SIGNUP, {"email": "ada@example.org"}, headers={"Accept-Language": "de-AT"})
        assert User.objects.get().language == "de"
        assert Mail.objects.get().subject == "Ihr Code, um diese Adresse zu bestätigen"

    def test_prefers_what_was_chosen_to_what_the_browser_says(self, client: Client) -> None:
        client.post(SWITCH, {"language": "de", "next": SIGNUP})
        client.post(SIGNUP, {"email": "ada@example.org"}, headers={"Accept-Language": "en"})
        assert User.objects.get().language == "de"


class TestSignIn:
    def test_brings_the_accounts_language_to_a_new_browser(self, client: Client) -> None:
        a_reader("ada@example.org", language="de")
        client.post(LOGIN, {"login": "ada@example.org"}, headers={"Accept-Language": "en"})
        assert Mail.objects.get().subject == "Ihr Code zum Anmelden"
        answer = client.post("/account/login/code/confirm/", {"code": last_code("ada@example.org")})
        assert answer.cookies[COOKIE].value == "de"

    def test_takes_a_choice_made_before_it(self, client: Client) -> None:
        reader = a_reader("ada@example.org", language="de", password="correct horse battery")
        client.post(SWITCH, {"language": "en", "next": LOGIN})
        client.post(LOGIN, {"login": reader.email, "password": "correct horse battery"})
        reader.refresh_from_db()
        assert reader.language == "en"

    def test_notes_the_language_of_who_never_stated_one(self, client: Client) -> None:
        reader = a_reader("ada@example.org", password="correct horse battery")
        form = {"login": reader.email, "password": "correct horse battery"}
        answer = client.post(LOGIN, form, headers={"Accept-Language": "de"})
        reader.refresh_from_db()
        assert reader.language == "de"
        assert COOKIE not in answer.cookies


@pytest.mark.django_db
@pytest.mark.parametrize("target", ["//\t/evil.example", "//", "/\\evil.example", "https://evil.example/"])
def test_switching_leads_nowhere_else(client: Client, target: str) -> None:
    answer = client.post("/i18n/setlang/", {"language": "de", "next": target})
    assert answer["Location"] == "/"
