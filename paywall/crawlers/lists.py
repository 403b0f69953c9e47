"""The networks that owners of crawlers publish: read now and then, kept until a newer list was read whole."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import urlsplit

from django.db import transaction

from paywall import networks, robots
from paywall.crawlers import claims
from paywall.models import CrawlerList, DirectoryVersion
from paywall.networks import NetworkRefused

_NEXT_LOOK = timedelta(hours=6)
_NEXT_LOOK_AFTER_TROUBLE = timedelta(hours=1)
_MOST_BYTES = 2 * 1024 * 1024
_MOST_NETWORKS = 10_000
_SECONDS = 15.0


class ListUnreadable(Exception):
    """A list could not be read whole; the text says why."""


@dataclass(frozen=True, slots=True)
class Document:
    """A list as it was sent, and by what it is known to be the same the next time."""

    body: bytes
    etag: str = ""
    modified: str = ""


class Fetcher(Protocol):
    """How a list is fetched."""

    def fetch(self, url: str, *, etag: str, modified: str) -> Document | None:
        """Return the document, None where it is the one that `etag` or `modified` name.

        :raises ListUnreadable: there is no whole answer.
        """


class WebFetcher:
    """Fetches over HTTPS, for so many seconds and bytes at most, wherever the owner redirects to over HTTPS."""

    def __init__(self, *, schemes: tuple[str, ...] = ("https",), seconds: float = _SECONDS) -> None:
        self._schemes = schemes
        self._seconds = seconds
        self._opener = urllib.request.build_opener(_Redirects(schemes))

    def fetch(self, url: str, *, etag: str, modified: str) -> Document | None:
        """Fetch as the protocol says."""
        headers = {"Accept": "application/json", "If-None-Match": etag, "If-Modified-Since": modified}
        if urlsplit(url).scheme not in self._schemes:
            raise ListUnreadable("It is not fetched over HTTPS.")
        request = urllib.request.Request(  # noqa: S310  the scheme was looked at
            url, headers={name: value for name, value in headers.items() if value}
        )
        until = time.monotonic() + self._seconds
        try:
            with self._opener.open(request, timeout=self._seconds) as answer:
                body = _read(answer, until=until)
                return Document(
                    body,
                    etag=answer.headers.get("ETag", "")[:300],
                    modified=answer.headers.get("Last-Modified", "")[:60],
                )
        except urllib.error.HTTPError as error:
            if error.code == HTTPStatus.NOT_MODIFIED:
                return None
            raise ListUnreadable(f"It answered {error.code}.") from error
        except (OSError, HTTPException, ValueError) as error:
            raise ListUnreadable(f"{type(error).__name__}: {error}") from error


def refresh(fetcher: Fetcher, *, now: datetime, seconds: float) -> None:
    """Look at lists that are due, of crawlers for which staff decided something; begin none after so many seconds."""
    until = time.monotonic() + seconds
    for url in _wanted():
        if time.monotonic() > until:
            return
        row, _is_new = CrawlerList.objects.get_or_create(url=url, defaults={"due_at": now})
        if row.due_at <= now:
            _look(row, fetcher, now=now)


def parse(body: bytes) -> list[str]:
    """Return the networks of a document, each in its one spelling.

    :raises ListUnreadable: it is no such document, or holds what cannot be a crawler's network; then all is doubtful.
    """
    try:
        entries = json.loads(body)["prefixes"]
        texts = [entry.get("ipv4Prefix") or entry["ipv6Prefix"] for entry in entries]
        if not 0 < len(texts) <= _MOST_NETWORKS:
            raise ListUnreadable(f"It names {len(texts)} networks.")
        return sorted(
            {networks.read(text, allow_private=False, widest=networks.OF_AN_OWNER).cidr for text in texts}
        )
    except NetworkRefused as error:
        raise ListUnreadable(str(error)) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ListUnreadable(f"It is no list of networks: {type(error).__name__}.") from error


def _wanted() -> tuple[str, ...]:
    kinds = claims.kinds_in_use()
    return tuple(
        dict.fromkeys(url for kind in kinds for robot in robots.of_kind(kind) for url in robot.lists)
    )


def _look(row: CrawlerList, fetcher: Fetcher, *, now: datetime) -> None:
    stored = CrawlerList.objects.filter(pk=row.pk)
    try:
        document = fetcher.fetch(row.url, etag=row.etag, modified=row.modified)
        found = parse(document.body) if document is not None else row.networks
    except ListUnreadable as error:
        stored.update(trouble=str(error)[:300], due_at=now + _NEXT_LOOK_AFTER_TROUBLE)
        return
    known: dict[str, Any] = {"etag": document.etag, "modified": document.modified} if document else {}
    with transaction.atomic():  # or a worker that dies in between leaves every process with the old list
        stored.update(networks=found, trouble="", fetched_at=now, due_at=now + _NEXT_LOOK, **known)
        if found != row.networks:
            DirectoryVersion.renew()


def _read(answer: Any, *, until: float) -> bytes:
    """Read all of an answer, but no more and for no longer than a list may take."""
    body = b""
    while chunk := answer.read1(64 * 1024):
        body += chunk
        if len(body) > _MOST_BYTES:
            raise ListUnreadable("It is too large.")
        if time.monotonic() > until:
            raise ListUnreadable("It took too long.")
    return body


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows to nowhere but where a list may be fetched from."""

    def __init__(self, schemes: tuple[str, ...]) -> None:
        self._schemes = schemes

    def redirect_request(  # noqa: PLR0917  the signature is the base's
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Any:
        """Follow a redirect.

        :raises ListUnreadable: it leads elsewhere.
        """
        if urlsplit(newurl).scheme not in self._schemes:
            raise ListUnreadable("It redirects to what is not fetched.")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
