"""The newspaper as a WSGI application: front page, sections, articles, pictures, and the local outbox."""

import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.exceptions import HTTPException, NotFound, ServiceUnavailable
from werkzeug.routing import Map, Rule
from werkzeug.utils import send_from_directory
from werkzeug.wrappers import Request, Response

from paywall.demo import articles, mailbox, wall, words
from paywall.demo.api import Conversation, Decision, Plan, Reading, UnavailableError
from paywall.demo.articles import Article
from paywall.demo.pages import Pages, card, language_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Asked = TypeVar("Asked")
Otherwise = TypeVar("Otherwise")

_log = logging.getLogger(__name__)

_FOLDER = Path(__file__).parent
_READ_METHODS = ("GET", "HEAD")

_GIFT = "gift_link"
_MAY_GIVE = frozenset({"entitled", "grace_period", "staff"})

# An outbox message brings its own colours; it may show them and do nothing else.
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; sandbox allow-popups; frame-ancestors 'self'"


class Paper:
    """One newspaper: its own address, the paywall it asks, and the folder where the demo's mail ends up.

    `clock` tells the time of day; the edition counts as printed when the newspaper is made.
    """

    def __init__(self, *, site: str, api: str, mail_dir: Path, clock: Callable[[], datetime]) -> None:
        self._pages = Pages(site=site, api=api)
        self._mail_dir = mail_dir
        self._clock = clock
        self._printed_at = clock()
        self._routes = Map(
            [
                Rule("/", endpoint=self._front, methods=_READ_METHODS),
                Rule("/sections/<section>/", endpoint=self._section, methods=_READ_METHODS),
                Rule("/articles/<article_id>/", endpoint=self._article, methods=_READ_METHODS),
                Rule("/pictures/<name>", endpoint=self._picture, methods=_READ_METHODS),
                Rule("/static/<name>", endpoint=self._static, methods=_READ_METHODS),
                Rule("/mail/", endpoint=self._outbox, methods=_READ_METHODS),
                Rule("/mail/<key>/html/", endpoint=self._mail_html, methods=_READ_METHODS),
                Rule("/health", endpoint=self._health, methods=_READ_METHODS),
            ]
        )

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Answer one request."""
        return self._answer(Request(environ))(environ, start_response)

    def _answer(self, request: Request) -> Response:
        endpoint: Callable[..., Response]
        try:
            endpoint, arguments = self._routes.bind_to_environ(request.environ).match()
            return endpoint(request, **arguments)
        except NotFound:
            return self._missing(request)
        except HTTPException as error:
            return Response.force_type(error.get_response(request.environ))

    def _front(self, request: Request) -> Response:
        conversation = self._conversation(request)
        lead, *rest = self._cards(articles.edition(), conversation, request)
        return self._draw(
            "front.html", request, conversation, lead=lead, beside=rest[:2], groups=_by_section(rest[2:])
        )

    def _section(self, request: Request, *, section: str) -> Response:
        if section not in articles.SECTIONS:
            raise NotFound
        conversation = self._conversation(request)
        chosen = [article for article in articles.edition() if article.section == section]
        cards = self._cards(chosen, conversation, request)
        return self._draw(
            "section.html", request, conversation, section=cards[0]["section_name"], cards=cards
        )

    def _article(self, request: Request, *, article_id: str) -> Response:
        article = articles.by_id().get(article_id)
        if article is None:
            raise NotFound
        if "prefetch" in request.headers.get("Sec-Purpose", ""):
            # A browser that guesses must not spend a free read; refused, it asks again on the click.
            raise ServiceUnavailable
        conversation = self._conversation(request)
        gift = request.args.get("gift", "")
        reading = _opened(conversation, article.id, peek=request.method == "HEAD", gift=gift)
        if reading and reading.decision.access == "none":
            return self._draw("unpublished.html", request, conversation, status=404)
        return self._story(article, reading, conversation, request)

    def _story(
        self, article: Article, reading: Reading | None, conversation: Conversation, request: Request
    ) -> Response:
        decision, body = (reading.decision, reading.body) if reading else (None, None)
        email = _unless_down(conversation.reader_email, otherwise=None)
        gift = None if body or decision is None else _gift(decision, request)
        # As the template marks it: what is not shown to everybody.
        markup = _unless_down(lambda: conversation.markup(article.id, selector=".paywalled"), otherwise="")
        return self._draw(
            "article.html",
            request,
            conversation,
            article=article,
            card=self._card(article, decision, request),
            text=body or article.teaser,
            gift=gift,
            may_give=body is not None and decision is not None and decision.reason in _MAY_GIVE,
            wall=None
            if body or gift
            else self._wall(decision, conversation, request, signed_in=email is not None),
            banner=decision.notice if decision and body else None,
            banner_action=self._banner_action(decision, request) if decision and body else None,
            meter=decision.meter if decision else None,
            markup=markup,
            more=self._neighbours(article, request),
            reader_email=email,
        )

    def _picture(self, request: Request, *, name: str) -> Response:
        return self._file(request, "pictures", name)

    def _static(self, request: Request, *, name: str) -> Response:
        return self._file(request, "static", name)

    def _outbox(self, request: Request) -> Response:
        language = language_of(request)
        letters = [
            {"mail": mail, "date": _sent(mail.sent_at, language=language)}
            for mail in mailbox.mails(self._mail_dir)
        ]
        return self._draw("outbox.html", request, self._conversation(request), letters=letters)

    def _mail_html(self, _request: Request, *, key: str) -> Response:
        mail = mailbox.find(self._mail_dir, key)
        if mail is None or not mail.html:
            raise NotFound
        response = Response(mail.html, mimetype="text/html")
        response.headers["Content-Security-Policy"] = _MAIL_POLICY
        return self._pages.seal(response)

    def _health(self, _request: Request) -> Response:
        return self._pages.seal(Response("ok", mimetype="text/plain"))

    def _missing(self, request: Request) -> Response:
        return self._draw("missing.html", request, self._conversation(request), status=404)

    def _conversation(self, request: Request) -> Conversation:
        return Conversation(
            base=self._pages.api,
            cookies=request.headers.get("Cookie", ""),
            headers=dict(request.headers),
        )

    def _draw(self, template: str, request: Request, conversation: Conversation, **context: Any) -> Response:
        if "reader_email" not in context:
            context["reader_email"] = _unless_down(conversation.reader_email, otherwise=None)
        response = self._pages.draw(template, request, now=self._clock(), **context)
        for cookie in conversation.set_cookies:
            response.headers.add("Set-Cookie", cookie)
        return response

    def _file(self, request: Request, folder: str, name: str) -> Response:
        response = send_from_directory(_FOLDER / folder, name, request.environ)
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    def _wall(
        self, decision: Decision | None, conversation: Conversation, request: Request, *, signed_in: bool
    ) -> wall.Wall:
        catalogue = words.catalogue(language_of(request))
        here = self._pages.site + request.path
        if decision is None:
            return wall.without_answer(url=here, catalogue=catalogue)
        plans: tuple[Plan, ...] = ()
        if wall.sells(decision, signed_in=signed_in):
            plans = _unless_down(lambda: conversation.plans(decision.products), otherwise=())
        return wall.build(
            decision,
            plans=plans,
            subscribe_url=self._pages.subscribe_url(here, product=next(iter(decision.products), "")),
            signed_in=signed_in,
            catalogue=catalogue,
        )

    def _banner_action(self, decision: Decision, request: Request) -> wall.Action | None:
        return wall.first_action(decision, catalogue=words.catalogue(language_of(request)))

    def _cards(
        self, chosen: Iterable[Article], conversation: Conversation, request: Request
    ) -> list[Mapping[str, Any]]:
        listed = tuple(chosen)
        ids = [article.id for article in listed]
        decisions = _unless_down(lambda: conversation.decisions(ids), otherwise={})
        return [self._card(article, decisions.get(article.id), request) for article in listed]

    def _card(self, article: Article, decision: Decision | None, request: Request) -> Mapping[str, Any]:
        return card(
            article,
            language=language_of(request),
            published_at=self._printed_at - article.age,
            lock=_lock(article, decision),
        )

    def _neighbours(self, article: Article, request: Request) -> list[Mapping[str, Any]]:
        others = [other for other in articles.edition() if other.id != article.id]
        others.sort(key=lambda other: other.section != article.section)
        return [self._card(other, None, request) for other in others[:3]]


def _opened(conversation: Conversation, article_id: str, *, peek: bool, gift: str) -> Reading | None:
    if peek or gift:
        decision = _unless_down(lambda: conversation.peek(article_id, gift=gift), otherwise=None)
        if peek or decision is None or decision.access != "full" or decision.reason == _GIFT:
            return Reading(decision=decision, body=None) if decision else None
    return _unless_down(lambda: conversation.read(article_id), otherwise=None)


def _gift(decision: Decision, request: Request) -> Mapping[str, str] | None:
    """Return the gift to be accepted on a click: this page may be fetched by a chat app or a mail scanner."""
    if decision.reason != _GIFT or decision.notice is None:
        return None
    return {
        "code": request.args.get("gift", ""),
        "title": decision.notice.title,
        "text": decision.notice.text,
    }


def _unless_down(ask: Callable[[], Asked], *, otherwise: Otherwise) -> Asked | Otherwise:
    """Ask the paywall; if it gives no answer, the page is drawn with `otherwise`."""
    try:
        return ask()
    except UnavailableError as error:
        _log.warning("The paywall did not answer: %s", error)
        return otherwise


def _lock(article: Article, decision: Decision | None) -> str:
    """Return the label of an article in a list: what opens it, or that it is open to this reader."""
    if article.demand == "free":
        return "free"
    return "open_to_you" if decision and decision.access == "full" else article.demand or "subscriber"


def _by_section(cards: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    listed = tuple(cards)
    groups = (
        {"section": section, "cards": [item for item in listed if item["section"] == section]}
        for section in articles.SECTIONS
    )
    return [group for group in groups if group["cards"]]


def _sent(when: datetime | None, *, language: str) -> str:
    return f"{words.date(when, language=language)}, {when:%H:%M:%S}" if when else ""
