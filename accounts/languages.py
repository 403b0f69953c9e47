"""Which language a reader is spoken to in, on pages and in mails: the one chosen last, else that of the sign-up."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation

from accounts.models import User


def current() -> str:
    """Return the active language, as one of `LANGUAGES`."""
    active = (translation.get_language() or "").partition("-")[0]
    return active if _is_ours(active) else settings.LANGUAGE_CODE


def of(reader: User | None) -> str:
    """Return the language for mails to `reader`; the active one for whoever has stated none."""
    return reader.language if reader is not None and _is_ours(reader.language) else current()


def keep(reader: User, language: str) -> None:
    """Store the choice of `reader`; a language that we do not speak changes nothing."""
    if _is_ours(language) and language != reader.language:
        reader.language = language
        reader.save(update_fields=["language"])


def settle(request: HttpRequest, response: HttpResponseBase, reader: User) -> None:
    """At sign-in make browser and account agree: a choice made in this browser wins, else the account's holds."""
    chosen = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    if _is_ours(chosen):
        keep(reader, chosen)
    elif _is_ours(reader.language):
        _set_cookie(response, reader.language)
    else:
        keep(reader, current())


def _is_ours(language: str) -> bool:
    return language in dict(settings.LANGUAGES)


def _set_cookie(response: HttpResponseBase, language: str) -> None:
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite="Lax",
    )
