"""The lane itself: one look at what is kept, or else at the database, a decision, an answer; or the ordinary way."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, InterfaceError, close_old_connections, transaction
from django.http import HttpResponse
from django.utils import translation
from rest_framework.renderers import JSONRenderer

from accounts import clock, identity, shelf
from accounts.errors import AccountsError
from accounts.identity import Identity
from accounts.shelf import Found
from paywall import access, answers, kept
from paywall.decision.policy import Decision
from paywall.decision.reasons import Reason
from paywall.express import filling, fresh, questions
from paywall.express.fresh import Unsettled
from paywall.express.headers import Headers, LearnedHeaders
from paywall.express.questions import Kind, Question
from paywall.express.snapshots import Kept, NotKept, Snapshot
from paywall.express.stock import Stock
from paywall.models import Article
from paywall.serializers.decisions import decision_data, headers_of, status_of

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

logger = logging.getLogger(__name__)

# What may be answered from what is kept. A reader's refusal never: they may have paid a moment ago.
_OPEN = frozenset({Reason.FREE, Reason.REGISTERED, Reason.ENTITLED, Reason.GRACE_PERIOD, Reason.METERED})
_CLOSED_TO_STRANGERS = frozenset(
    {
        Reason.REGISTRATION_REQUIRED,
        Reason.SUBSCRIPTION_REQUIRED,
        Reason.METER_EXHAUSTED,
        Reason.UNPUBLISHED,
        Reason.EMBARGOED,
    }
)


@dataclass(frozen=True, slots=True)
class _Answer:
    status: HTTPStatus
    headers: Headers
    body: bytes


class ExpressLane:
    """Answers in front of an application what it can, and hands on the rest."""

    def __init__(self, application: WSGIApplication) -> None:
        self._application = application
        self._stock = Stock()
        self._learned = LearnedHeaders()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        question = questions.of(environ) if settings.EXPRESS_LANE else None
        if question is None:
            return self._application(environ, start_response)
        answer = self._tried(question)
        if answer is None:
            learning = self._learned.learning(question.kind, environ, start_response)
            return self._application(environ, learning)
        start_response(f"{answer.status.value} {answer.status.phrase}", answer.headers)
        return [answer.body]

    def _tried(self, question: Question) -> _Answer | None:
        try:
            return self._answer(question, now=clock.now())
        except (Unsettled, DatabaseError, InterfaceError):
            return None  # trouble with the database is for the ordinary way to tell
        except Exception:
            # Whatever is wrong here, behind it stands what is right.
            logger.exception("The express lane failed; the ordinary way answers.")
            return None

    def _answer(self, question: Question, *, now: datetime) -> _Answer | None:
        who = _stranger(question)
        try:
            decided = self._by_what_is_kept(question, who, now=now)
        except NotKept:
            passed = HTTPStatus.NO_CONTENT if question.kind is Kind.CHECK else HTTPStatus.OK
            if self._dress(question, passed) is None:
                return None  # what was spent could not be told, and would be spent again
            _renew_connection()
            decided = fresh.decided(question, who, now=now)
        return self._worded(question, *decided, now=now)

    def _by_what_is_kept(
        self, question: Question, who: Identity, *, now: datetime
    ) -> tuple[Identity, Article, Decision]:
        """Return whoever asks, what about, and what is decided without asking the database.

        :raises NotKept: it must be asked.
        """
        if not settings.REDIS_URL:
            raise NotKept
        article, snapshot = self._at_hand(question, who, now=now)
        if snapshot is not None:
            who = replace(who, reader=snapshot.reader())
        try:
            decision = access.glance(who, article, source=Kept(snapshot), now=now)
        except NotKept:
            if snapshot is None:  # a device whose free reads matter here
                self._lay_in(question, who, _key(question, who), at_hand=None, now=now)
            raise
        _require_settled(decision, who, kind=question.kind, now=now)
        return who, article, decision

    def _at_hand(
        self, question: Question, who: Identity, *, now: datetime
    ) -> tuple[Article, Snapshot | None]:
        """Return the article and whoever asks, both as they are; None for a device of which nothing is kept.

        :raises NotKept: something is missing, which is laid in for the next time.
        """
        key, article, catalogue = _key(question, who), None, None
        named = self._stock.named(question)
        if named is not None:
            found = shelf.look(key, kept.of_article(named.article_id), kept.CATALOGUE, kept.PATHS)
            if found is None:
                raise NotKept  # Redis does not answer: nothing can be laid in either
            own, catalogue, paths = found.stamps
            if named.still_leads(paths):
                article = self._stock.article(named.article_id, stamps=(own, catalogue))
            snapshot = _snapshot(found, catalogue)
            if article is not None and (snapshot is not None or question.session is None):
                return article, snapshot
        at_hand = (article, catalogue) if article is not None and catalogue is not None else None
        self._lay_in(question, who, key, at_hand=at_hand, now=now)
        raise NotKept

    def _lay_in(
        self,
        question: Question,
        who: Identity,
        key: str,
        *,
        at_hand: tuple[Article, bytes] | None,
        now: datetime,
    ) -> None:
        """Fetch what was missing, outside of any request of Django's; nobody pays twice for what cannot be kept.

        `at_hand` is the article and the catalogue's stamp where those are not what was missing.
        """
        if self._stock.is_vain(key) or self._stock.is_vain(kept.of_article(question.article_id)):
            return
        _renew_connection()
        laid = at_hand or self._article_of(question)
        if laid is None:
            return
        article, catalogue = laid
        session = question.session
        if not filling.somebody(who, session=session, key=key, article=article, catalogue=catalogue, now=now):
            self._stock.note_vain(key)

    def _article_of(self, question: Question) -> tuple[Article, bytes] | None:
        """Lay in what is asked about."""
        if question.article_id:
            return filling.article(self._stock, question.article_id)
        found = filling.address(self._stock, question.uris)
        return filling.stated(self._stock, found) if found is not None else None

    def _worded(
        self, question: Question, who: Identity, article: Article, decision: Decision, *, now: datetime
    ) -> _Answer | None:
        status = status_of(decision) if question.kind is Kind.CHECK else HTTPStatus.OK
        learned = self._dress(question, status)
        if learned is None:
            return None
        body = b""
        with translation.override(translation.get_language_from_request(question.request)):
            language = translation.get_language() or ""
            if question.kind is Kind.PEEK:
                answer = answers.to(who.reader, article, decision, now=now)
                body = JSONRenderer().render(decision_data(answer))
        headers = [*learned, ("Content-Language", language), *_of_this_answer(question, decision, who, body)]
        return _Answer(status, headers, body)

    def _dress(self, question: Question, status: HTTPStatus) -> Headers | None:
        return self._learned.headers(question.kind, question.request.META, status=status)


def _stranger(question: Question) -> Identity:
    """Return whoever asks, but for the reader, whom only a session tells.

    :raises Unsettled: that is an error to tell.
    """
    question.request.user = AnonymousUser()
    try:
        question.request.get_host()
        return identity.of(question.request)
    except (DisallowedHost, AccountsError) as error:
        raise Unsettled from error


def _renew_connection() -> None:
    """Do what Django does before each request: a connection may have grown old or died meanwhile."""
    if not transaction.get_connection().in_atomic_block:  # which only a test has open, in front of Django
        close_old_connections()


def _key(question: Question, who: Identity) -> str:
    session = question.session
    if session is None:
        return shelf.of_device(who.device or "")
    return f"session:{session.stored_key(session.session_key or '')}"


def _snapshot(found: Found, catalogue: bytes | None) -> Snapshot | None:
    """Return what was kept, if it was read under this stamp of the catalogue."""
    if found.kept is None or catalogue is None:
        return None
    snapshot = Snapshot.from_bytes(found.kept)
    return snapshot if snapshot.catalogue == catalogue.decode() else None


def _require_settled(decision: Decision, who: Identity, *, kind: Kind, now: datetime) -> None:
    """Go on only with an answer that may rest on what is kept, and that spends nothing.

    :raises NotKept: it is another.
    """
    settled = _OPEN if who.reader is not None else _OPEN | _CLOSED_TO_STRANGERS
    is_metered = decision.reason is Reason.METERED
    would_spend = kind is Kind.CHECK and is_metered and not decision.is_paid_for(at=now)
    if decision.reason not in settled or would_spend:
        raise NotKept


def _of_this_answer(question: Question, decision: Decision, who: Identity, body: bytes) -> Headers:
    headers = [("Content-Length", str(len(body)))]
    if question.kind is Kind.CHECK:
        headers += headers_of(decision.reason).items()
    if who.set_device:
        handed_out = HttpResponse()
        identity.remember(handed_out, who)
        headers += [("Set-Cookie", cookie.OutputString()) for cookie in handed_out.cookies.values()]
    return headers
