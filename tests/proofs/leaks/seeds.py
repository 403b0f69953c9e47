"""Leaks made on purpose, each another way out: as a URLconf, the whole service and these beside it.

A scan that misses one of them proves nothing by finding none elsewhere.
"""

from __future__ import annotations

import base64
import codecs
import gzip
import json
import logging
from collections.abc import Callable
from urllib.parse import quote

from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.http import HttpRequest, HttpResponse, HttpResponseNotFound, JsonResponse
from django.urls import path, re_path
from kombu import Connection

from accounts import clock, emails
from accounts.models import User
from accounts.tasks import deliver_mails
from billing.models import StripeEvent
from config import urls
from paywall.models import Article
from tests.proofs.leaks.cast import PUBLISHED
from tests.proofs.leaks.leaks import mark

logger = logging.getLogger("paywall.seed")
View = Callable[[HttpRequest], HttpResponse]
_SEEDS: dict[str, View] = {}


def _body(article: str = PUBLISHED) -> str:
    return Article.objects.get(pk=article).body


def _seed(view: View) -> View:
    _SEEDS[view.__name__] = view
    return view


def _nothing() -> HttpResponse:
    return HttpResponse("nothing to see")


@_seed
def a_field_of_the_face(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"id": PUBLISHED, "teaser": "…", "text": _body()})


@_seed
def hidden_by_css(request: HttpRequest) -> HttpResponse:
    letters = "".join(f"&#{ord(letter)};" for letter in _body())
    return HttpResponse(f'<div style="display:none">{letters}</div>')


@_seed
def structured_data(request: HttpRequest) -> HttpResponse:
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in mark(PUBLISHED, "aside"))
    return HttpResponse(f'<script type="application/ld+json">{{"articleBody":"{escaped}"}}</script>')


@_seed
def the_caption_alone(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<figcaption>{mark(PUBLISHED, 'caption')}</figcaption>")


@_seed
def the_embed_of_an_embargoed_article(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<iframe src='https://video.example/embed/{mark('embargoed', 'embed')}'>")


@_seed
def a_word_per_tag(request: HttpRequest) -> HttpResponse:
    return HttpResponse("<b></b>".join(mark("withdrawn", "lead")))


@_seed
def a_spoiler_in_rot13(request: HttpRequest) -> HttpResponse:
    return HttpResponse(codecs.encode(_body(), "rot13"))


@_seed
def a_packed_feed(request: HttpRequest) -> HttpResponse:
    packed = gzip.compress(f"<rss><description>{_body('tomorrow')}</description></rss>".encode())
    return HttpResponse(packed, headers={"Content-Encoding": "gzip"}, content_type="application/rss+xml")


@_seed
def a_download_in_utf16(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_body().encode("utf-16"), content_type="text/plain; charset=utf-16")


@_seed
def an_etag(request: HttpRequest) -> HttpResponse:
    tag = base64.b64encode(_body()[:60].encode()).decode()
    return HttpResponse("", headers={"ETag": f'"{tag}"', "Cache-Control": "private, no-store"})


@_seed
def a_header_for_developers(request: HttpRequest) -> HttpResponse:
    return HttpResponse("", headers={"X-Debug": quote(_body()[:90])})


@_seed
def a_cookie(request: HttpRequest) -> HttpResponse:
    answer = _nothing()
    answer.set_cookie("last_read", base64.urlsafe_b64encode(_body()[:90].encode()).decode())
    return answer


@_seed
def a_page_that_suggests(request: HttpRequest) -> HttpResponse:
    return HttpResponseNotFound(f"Not found. Did you mean “… {mark(PUBLISHED, 'close')}”?")


@_seed
def for_googlebot(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_body()) if "Googlebot" in request.headers.get("User-Agent", "") else _nothing()


@_seed
def for_an_address_that_is_said(request: HttpRequest) -> HttpResponse:
    return (
        HttpResponse(_body()) if request.headers.get("X-Forwarded-For", "").startswith("66.") else _nothing()
    )


@_seed
def for_a_reader_who_is_said(request: HttpRequest) -> HttpResponse:
    named = request.GET.get("reader")
    return HttpResponse(_body()) if named and "Authorization" not in request.headers else _nothing()


@_seed
def as_amp(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"<html amp>{_body()}") if request.GET.get("format") == "amp" else _nothing()


@_seed
def as_markdown(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_body()) if "markdown" in request.headers.get("Accept", "") else _nothing()


@_seed
def a_field_that_is_asked_for(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"body": _body()}) if "body" in request.GET.get("expand", "") else _nothing()


@_seed
def a_range(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_body()[-120:], status=206) if "Range" in request.headers else _nothing()


@_seed
def not_modified(request: HttpRequest) -> HttpResponse:
    if "If-None-Match" not in request.headers:
        return _nothing()
    return HttpResponse(status=304, headers={"X-Body": _body()[:60].encode().hex()})


@_seed
def to_head_only(request: HttpRequest) -> HttpResponse:
    return (
        HttpResponse(headers={"Link": f"<{quote(_body()[:60])}>"}) if request.method == "HEAD" else _nothing()
    )


@_seed
def an_example_for_options(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"example": {"body": _body()}}) if request.method == "OPTIONS" else _nothing()


@_seed
def a_draft_in_the_session(request: HttpRequest) -> HttpResponse:
    request.session["draft"] = _body()
    return _nothing()


@_seed
def a_line_of_the_log(request: HttpRequest) -> HttpResponse:
    logger.debug("Opened %s.", _body()[:60])
    return _nothing()


@_seed
def an_extra_of_the_log(request: HttpRequest) -> HttpResponse:
    logger.info("Opened.", extra={"article": {"body": _body()}})
    return _nothing()


@_seed
def a_trace(request: HttpRequest) -> HttpResponse:
    raise RuntimeError(f"Cannot render {_body()[:60]!r}")


@_seed
def a_row_of_the_outbox(request: HttpRequest) -> HttpResponse:
    emails.queue(
        kind="seed", dedup_key="seed", to="a@readers.example", subject="News", text=_body(), now=clock.now()
    )
    return _nothing()


@_seed
def a_mail(request: HttpRequest) -> HttpResponse:
    EmailMessage("Your digest", f"Ä digest:\n{_body()}", to=["a@readers.example"]).send()
    return _nothing()


@_seed
def an_entry_of_the_cache(request: HttpRequest) -> HttpResponse:
    cache.set("article:harbour-vote", {"html": _body()}, 60)
    return _nothing()


@_seed
def a_message_in_the_queue(request: HttpRequest) -> HttpResponse:
    folder = {"folder": str(settings.VAR_DIR / "queue")}
    with Connection("spool://localhost", transport_options=folder) as connection:
        deliver_mails.apply_async(kwargs={"ids": [_body()]}, connection=connection)
    return _nothing()


@_seed
def a_note_at_stripe(request: HttpRequest) -> HttpResponse:
    StripeEvent.objects.create(
        event_id="evt_seed", type="customer.updated", livemode=False, payload={"metadata": {"read": _body()}},
        created_at=clock.now(), received_at=clock.now(), next_attempt_at=clock.now(),
    )  # fmt: skip
    return _nothing()


@_seed
def the_history_of_the_admin(request: HttpRequest) -> HttpResponse:
    LogEntry.objects.create(
        user=User.objects.earliest("pk"),
        content_type=ContentType.objects.get_for_model(Article),
        object_id=PUBLISHED,
        object_repr="The harbour votes",
        action_flag=CHANGE,
        change_message=json.dumps([{"changed": {"body": _body()}}]),
    )
    return _nothing()


def _behind_another_spelling(request: HttpRequest, rest: str = "") -> HttpResponse:
    return HttpResponse(_body()) if rest else _nothing()


def _in_a_search(request: HttpRequest) -> HttpResponse:
    """Tell how many bodies hold what is asked for; shows no body, and gives all of it away."""
    asked = request.GET.get("q", "")
    return JsonResponse({"count": Article.objects.filter(body__contains=asked).count() if asked else 0})


def kept_by_caches(request: HttpRequest) -> HttpResponse:
    """Say nothing of the body, and let a shared cache keep it."""
    return HttpResponse("Hello ann@readers.example", headers={"Cache-Control": "public, max-age=60"})


def breaks_while_it_holds_a_body(request: HttpRequest) -> HttpResponse:
    """Fail with a body in a local variable, as any view might."""
    body = _body()
    raise RuntimeError(f"{len(body)} characters are too many.")


NAMES = (*_SEEDS, "another_spelling")
handler404 = urls.handler404
handler500 = urls.handler500
urlpatterns = [
    *urls.urlpatterns,
    *(path(f"api/v1/seed/{name}", view, name=f"seed_{name}") for name, view in _SEEDS.items()),
    re_path(
        r"^api/v1/seed/another_spelling(?P<rest>.*)$", _behind_another_spelling, name="seed_another_spelling"
    ),
    path("api/v1/seed-search", _in_a_search, name="seed-search"),
    path("api/v1/seed-kept", kept_by_caches, name="seed-kept"),
    path("api/v1/seed-breaks", breaks_while_it_holds_a_body, name="seed-breaks"),
]
