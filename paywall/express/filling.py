"""Laying in what was missing: read from the database after its stamp, so that a change in between voids it."""

from __future__ import annotations

from datetime import datetime

from accounts import sessions, shelf
from accounts.identity import Identity
from accounts.session_store import SessionStore
from paywall import articles, entitlements, kept, metering, places, rules
from paywall.crawlers import claims
from paywall.errors import ArticleUnknown
from paywall.express.snapshots import Snapshot
from paywall.express.stock import Stock
from paywall.models import Article


def somebody(
    who: Identity,
    *,
    session: SessionStore | None,
    key: str,
    article: Article,
    catalogue: bytes,
    now: datetime,
) -> bool:
    """Keep what is known of whoever asks, if that is what a snapshot may say; return whether it is."""
    if session is not None:
        return _reader(session, key=key, article=article, catalogue=catalogue, now=now)
    if who.device is not None and not who.set_device:
        _device(who.device, key=key, article=article, catalogue=catalogue, now=now)
    return True


def _device(device: str, *, key: str, article: Article, catalogue: bytes, now: datetime) -> None:
    of = shelf.of_device(device)
    stamp = shelf.stamp(of)
    if stamp is None:
        return
    terms = rules.of(article).meter
    reads = metering.spent_by(device, terms=terms, now=now) if terms is not None else {}
    snapshot = Snapshot(catalogue=catalogue.decode(), reads=reads)
    shelf.keep(key, snapshot.to_bytes(), of=of, stamp=stamp)


def _reader(session: SessionStore, *, key: str, article: Article, catalogue: bytes, now: datetime) -> bool:
    """Keep a reader, but for those who need a closer look.

    Those are staff, whoever an institution may know by the address, and whoever has trouble that has to be told of.
    """
    found = sessions.reader_of(session)
    stamp = shelf.stamp(shelf.of_reader(found.pk)) if found is not None else None
    if found is None or stamp is None:
        return found is not None
    # Once more, now that a change would be seen: what was read before the stamp may have ended since.
    again = session.afresh()
    reader = sessions.reader_of(again)
    if reader is None or reader.is_staff or places.of(article).by_email(reader.email) is not None:
        return False
    grants = entitlements.snapshot(reader, now=now)
    if any(grant.suspension is not None for grant in grants):
        return False
    terms = rules.of(article).meter
    snapshot = Snapshot(
        catalogue=catalogue.decode(),
        public_id=reader.public_id,
        language=reader.language,
        grants=grants,
        reads=metering.spent_by(reader, terms=terms, now=now) if terms is not None else {},
    )
    shelf.keep(key, snapshot.to_bytes(), of=shelf.of_reader(reader.pk), stamp=stamp)
    return True


def article(stock: Stock, article_id: str) -> tuple[Article, bytes] | None:
    """Lay in an article, with the rules and places that it is decided by; return it and the catalogue's stamp."""
    if not articles.exists(article_id):  # asked first: nobody makes stamps by making up articles
        stock.note_vain(kept.of_article(article_id))
        return None
    return stated(stock, article_id)


def stated(stock: Stock, article_id: str) -> tuple[Article, bytes] | None:
    """Do the same with an article that is known to be stated."""
    own, catalogue = shelf.stamp(kept.of_article(article_id)), shelf.stamp(kept.CATALOGUE)
    if own is None or catalogue is None:
        return None
    try:
        found = articles.for_decision(article_id)
    except ArticleUnknown:
        return None
    # Each keeps what it read, so that the decision need not ask.
    for read in (rules.of, places.of, claims.book_of):
        read(found)
    stock.put(found, stamps=(own, catalogue))
    return found, catalogue


def address(stock: Stock, uris: tuple[str, ...]) -> str | None:
    """Lay in where these addresses lead; return the article's id."""
    path = articles.one_path(uris)
    stamp = shelf.stamp(kept.PATHS) if path is not None and not stock.is_vain(f"path:{path}") else None
    if path is None or stamp is None:
        return None
    found = articles.at(uris)
    if found is None:
        stock.note_vain(f"path:{path}")
        return None
    stock.put_at(path, found.id, stamp=stamp)
    return found.id
