"""Everything that readers meet exists in German, and what is compiled is what was written."""

from __future__ import annotations

import gettext
import io
import re
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_python
from babel.messages.pofile import read_po
from django.test import Client
from django.utils.translation.template import templatize

from tests.factories.accounts import a_reader

ROOT = Path(__file__).resolve().parents[2]
APPS = ("accounts", "billing", "config", "paywall")
# Only staff see these, or nobody does.
NOT_FOR_READERS = re.compile(
    r"/(admin|models|sandbox|migrations|demo)/"
    r"|/(admin|models|checks|apps|settings|explanation|networks|rules|shadow)\.py$"
)
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy")),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
}
_SLOT = re.compile(r"%\(\w+\)s|%%|%s")


def catalogue(app: str) -> Catalog:
    with (ROOT / app / "locale/de/LC_MESSAGES/django.po").open("rb") as file:
        return read_po(file, locale="de")


def messages(app: str) -> list[Message]:
    return [message for message in catalogue(app) if message.id]


def forms(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def said_by(file: Path) -> Iterator[tuple[str | None, str]]:
    """Yield context and (singular) text of everything that `file` says to people."""
    source = file.read_text()
    if file.suffix != ".py":
        # Django writes each text of a template as a call; what stands around them is no Python.
        calls = re.findall(r" ((?:n?p?gettext|_)\((?:.*?['\"],? ?(?:count)?)\)) ", templatize(source))
        source = "\n".join(calls)
    for _, keyword, texts, _ in extract_python(io.BytesIO(source.encode()), list(KEYWORDS), [], {}):
        first, *rest = forms(texts)
        yield (first, rest[0]) if "pgettext" in str(keyword) else (None, first)


def for_readers(app: str) -> list[Path]:
    found = [path for kind in ("*.py", "*.html", "*.txt") for path in (ROOT / app).rglob(kind)]
    return [path for path in found if not NOT_FOR_READERS.search(path.as_posix())]


@pytest.mark.parametrize("app", APPS)
def test_every_text_is_translated(app: str) -> None:
    unsaid = [message.id for message in messages(app) if message.fuzzy or not all(forms(message.string))]
    assert unsaid == []


@pytest.mark.parametrize("app", APPS)
def test_every_text_for_readers_is_in_the_catalogue(app: str) -> None:
    known = {(message.context, forms(message.id)[0]) for message in messages(app)}
    said = {text for file in for_readers(app) for text in said_by(file)}
    assert said - known == set(), "translate them: config/README.md, Words"
    assert said, "nothing was found, which is wrong"


@pytest.mark.parametrize("app", APPS)
def test_a_translation_fills_the_same_slots(app: str) -> None:
    for message in messages(app):
        wanted = set(_SLOT.findall(forms(message.id)[-1]))
        assert set(_SLOT.findall(forms(message.string)[-1])) == wanted, message.id


@pytest.mark.parametrize("app", APPS)
def test_what_is_compiled_is_what_was_written(app: str) -> None:
    with (ROOT / app / "locale/de/LC_MESSAGES/django.mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for message in messages(app):
        for number, text in zip((1, 2), forms(message.string), strict=False):
            assert _lookup(compiled, message, number) == text, "run compilemessages"


def _lookup(compiled: gettext.GNUTranslations, message: Message, number: int) -> str:
    ids = forms(message.id)
    if len(ids) > 1:
        return compiled.ngettext(ids[0], ids[1], number)
    return compiled.pgettext(message.context, ids[0]) if message.context else compiled.gettext(ids[0])


class TestPages:
    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("/account/login/", "Geben Sie Ihre E-Mail-Adresse ein."),
            ("/account/signup/", "Wir brauchen nur Ihre E-Mail-Adresse."),
            ("/account/password/reset/", "Neues Passwort festlegen"),
            ("/nowhere/", "Unter dieser Adresse gibt es keine Seite."),
        ],
    )
    @pytest.mark.django_db
    def test_speak_german_to_strangers(self, client: Client, path: str, words: str) -> None:
        page = client.get(path, headers={"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"})
        assert words in page.content.decode()
        assert '<html lang="de">' in page.content.decode()

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("/account/", "Ihr Abonnement"),
            ("/account/subscribe/", "Wählen Sie Ihr Abonnement"),
            ("/account/sessions/", "Wo Sie angemeldet sind"),
            ("/account/email/", "Mit dieser Adresse melden Sie sich an"),
            ("/account/mfa/", "Sie haben kein Passwort und brauchen auch keines"),
        ],
    )
    @pytest.mark.django_db
    def test_speak_german_to_readers(self, client: Client, path: str, words: str) -> None:
        client.force_login(a_reader())
        page = client.get(path, headers={"Accept-Language": "de"})
        assert page.status_code == HTTPStatus.OK
        assert words in page.content.decode()
