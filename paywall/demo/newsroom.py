"""The newspaper as a CMS: it states its articles to the paywall, as any publisher's system would."""

import logging
import time
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

import requests

from paywall.demo import articles

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 0.5
_TIMEOUT_SECONDS = 10.0


class RefusedError(Exception):
    """The paywall understood a statement and did not accept it; asking again will not help."""


def state(*, api: str, api_key: str, site: str, now: datetime, patience: float) -> int:
    """State every article, waiting up to `patience` seconds for the paywall to come up; return how many.

    :raises RefusedError: if an article or the key is not accepted.
    :raises TimeoutError: if the paywall does not come up in time.
    """
    statements = articles.statements(now, site=site)
    deadline = time.monotonic() + patience
    with requests.Session() as session:
        session.trust_env = False
        session.headers["Authorization"] = f"Api-Key {api_key}"
        for article_id, statement in statements.items():
            _put(session, f"{api}/api/v1/articles/{article_id}", statement, deadline=deadline)
    _log.info("Stated %d articles.", len(statements))
    return len(statements)


def _put(session: requests.Session, url: str, statement: Mapping[str, object], *, deadline: float) -> None:
    while time.monotonic() < deadline:
        try:
            response = session.put(url, json=statement, timeout=_TIMEOUT_SECONDS)
        except requests.RequestException:
            time.sleep(_PAUSE_SECONDS)
            continue
        if response.ok:
            return
        if response.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            raise RefusedError(f"PUT {url} answered {response.status_code}: {response.text[:500]}")
        time.sleep(_PAUSE_SECONDS)
    raise TimeoutError(f"The paywall did not take {url} in time.")
