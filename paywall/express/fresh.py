"""What is not kept, asked of the database: by the functions that the view calls, without the frameworks around it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from accounts import sessions
from accounts.identity import Identity
from accounts.models import User
from accounts.session_store import SessionStore
from paywall import access, articles
from paywall.decision.policy import Decision
from paywall.errors import ArticleUnknown
from paywall.express.questions import Kind, Question
from paywall.models import Article


class Unsettled(Exception):
    """More than a decision is needed: an error to tell, a session to renew. That is for the ordinary way."""


def decided(question: Question, who: Identity, *, now: datetime) -> tuple[Identity, Article, Decision]:
    """Return whoever asks, what about, and what is decided; what a check spends is spent.

    :raises Unsettled: the session opens nothing or is to be renewed, or there is no such article; nothing is spent.
    """
    if question.session is not None:
        who = replace(who, reader=_reader(question.session, now=now))
    article = _article(question)
    decide = access.spend if question.kind is Kind.CHECK else access.peek
    return who, article, decide(who, article, now=now)


def _reader(session: SessionStore, *, now: datetime) -> User:
    reader = sessions.reader_of(session)
    if reader is None or sessions.touch(session, now=now):
        raise Unsettled
    return reader


def _article(question: Question) -> Article:
    try:
        found = (
            articles.for_decision(question.article_id) if question.article_id else articles.at(question.uris)
        )
    except ArticleUnknown:
        raise Unsettled from None
    if found is None:
        raise Unsettled
    return found
