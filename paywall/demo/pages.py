"""The newspaper's pages: templates, the words around the articles, and the headers every page carries."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from django.template import Context, Engine
from werkzeug.wrappers import Request, Response

from paywall.demo import articles, words
from paywall.demo.articles import Article

_FOLDER = Path(__file__).parent
_LANGUAGE_COOKIE = "django_language"

_ENGINE = Engine(dirs=[str(_FOLDER / "templates")], string_if_invalid="")


class Pages:
    """Draws pages for one newspaper at `site` whose paywall is at `api`."""

    def __init__(self, *, site: str, api: str) -> None:
        self.site = site
        self.api = api
        self._policy = "; ".join(
            (
                "default-src 'self'",
                f"connect-src 'self' {api}",
                "object-src 'none'",
                "base-uri 'none'",
                "form-action 'none'",
                "frame-ancestors 'self'",
            )
        )

    def draw(
        self,
        template: str,
        request: Request,
        *,
        reader_email: str | None,
        now: datetime,
        status: int = 200,
        **context: Any,
    ) -> Response:
        """Return the page that `template` makes of `context`, for this reader only and never to be stored."""
        language = language_of(request)
        here = self.site + request.path
        everything = {
            "t": words.catalogue(language),
            "language": language,
            "site": self.site,
            "api": self.api,
            "here": here,
            "sections": articles.SECTIONS,
            "today": words.date(now, language=language),
            "reader_email": reader_email,
            "sign_in_url": f"{self.api}/account/login/?{urlencode({'next': here})}",
            "account_url": f"{self.api}/account/",
            "subscribe_url": self.subscribe_url(here),
        }
        # Without Django's settings nothing may be formatted by locale: all that needs it arrives as text.
        page = Context(everything | context, use_l10n=False, use_tz=False)
        response = Response(_ENGINE.get_template(template).render(page), status=status, mimetype="text/html")
        response.headers["Content-Language"] = language
        return self.seal(response)

    def seal(self, response: Response) -> Response:
        """Put the headers on `response` that every page about a reader carries."""
        response.headers.setdefault("Content-Security-Policy", self._policy)
        response.headers["Cache-Control"] = "private, no-store"
        response.headers["Vary"] = "Cookie, Accept-Language"
        response.headers["Referrer-Policy"] = "strict-origin-when-cross-origin"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def subscribe_url(self, back: str, *, product: str = "") -> str:
        """Return where a reader subscribes and is then sent `back`."""
        query = {"product": product, "return_url": back} if product else {"return_url": back}
        return f"{self.api}/account/subscribe/?{urlencode(query)}"


def language_of(request: Request) -> str:
    """Return the language to speak: the one chosen on the account pages, else the browser's, else English."""
    chosen = request.cookies.get(_LANGUAGE_COOKIE, "")
    if chosen in words.LANGUAGES:
        return chosen
    return request.accept_languages.best_match(words.LANGUAGES, default="en") or "en"


def card(article: Article, *, language: str, published_at: datetime, lock: str) -> Mapping[str, Any]:
    """Return what a list of articles shows of one; `lock` is the name of its label, empty for none."""
    catalogue = words.catalogue(language)
    return {
        "id": article.id,
        "title": article.title,
        "summary": article.summary,
        "section": article.section,
        "section_name": catalogue[article.section],
        "picture_alt": article.picture_alt,
        "byline": f" {catalogue['and']} ".join(article.authors),
        "date": words.date(published_at, language=language),
        "minutes": article.minutes,
        "lock": lock,
        "lock_label": catalogue.get(lock, ""),
    }
