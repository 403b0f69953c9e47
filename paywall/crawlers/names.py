"""Is an address a crawler's by DNS: does its name lie in the owner's domain, and does the name lead back to it?

The first alone proves nothing, since whoever has an address may give it any name.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

from paywall import networks, robots
from paywall.models import CrawlerProof
from paywall.robots import Robot

_Answer = TypeVar("_Answer")

_PROVEN_FOR = timedelta(days=7)
_REFUTED_FOR = timedelta(days=1)
_FORGOTTEN_AFTER = timedelta(days=7)
_BATCH = 20
_ATTEMPTS = 5
_PAUSE = timedelta(minutes=5)
_SECONDS = 5.0
# Errors by which a resolver says that it could not find out, rather than that there is nothing.
_TRY_AGAIN = frozenset({2, 3, socket.EAI_AGAIN, socket.EAI_FAIL})


class NameUnknown(Exception):
    """DNS gave no answer, which is another thing than the answer that there is nothing."""


class Resolver(Protocol):
    """How DNS is asked."""

    def name_of(self, address: str) -> str | None:
        """Return the name of an address, None where it has none.

        :raises NameUnknown: that could not be found out.
        """

    def addresses_of(self, name: str) -> frozenset[str]:
        """Return the addresses of a name.

        :raises NameUnknown: they could not be found out.
        """


class SystemResolver:
    """Asks the resolver of the system, and waits for so long at most."""

    def __init__(self, *, seconds: float = _SECONDS) -> None:
        self._seconds = seconds

    def name_of(self, address: str) -> str | None:
        """Ask as the protocol says."""
        found = self._within(lambda: socket.gethostbyaddr(address)[0])
        return found.rstrip(".").lower() if found else None

    def addresses_of(self, name: str) -> frozenset[str]:
        """Ask as the protocol says."""
        found = self._within(lambda: {str(entry[4][0]) for entry in socket.getaddrinfo(name, None)})
        return frozenset(found or ())

    def _within(self, ask: Callable[[], _Answer]) -> _Answer | None:
        """Return what was found, None for nothing. The system's resolver knows no limit, so a thread waits for it."""
        box: queue.SimpleQueue[_Answer | NameUnknown | None] = queue.SimpleQueue()
        threading.Thread(target=lambda: box.put(_asked(ask)), daemon=True).start()
        try:
            answer = box.get(timeout=self._seconds)
        except queue.Empty as error:
            raise NameUnknown("DNS did not answer in time.") from error
        if isinstance(answer, NameUnknown):
            raise answer
        return answer


def prove_due(resolver: Resolver, *, now: datetime, seconds: float) -> None:
    """Find out what DNS says of the addresses that wait, for so many seconds at most; forget what ran out long ago."""
    until = time.monotonic() + seconds
    for proof in CrawlerProof.objects.filter(due_at__lte=now).order_by("due_at")[:_BATCH]:
        if time.monotonic() > until:
            break
        _prove(proof, resolver, now=now)
    CrawlerProof.objects.filter(expires_at__lte=now - _FORGOTTEN_AFTER).delete()


def host_of(robot: Robot, address: str, *, resolver: Resolver) -> str | None:
    """Return the name by which an address proves to be the crawler's, None where it is not.

    :raises NameUnknown: DNS did not say.
    """
    name = resolver.name_of(address)
    if name is None or not any(name.endswith(f".{host}") for host in robot.hosts):
        return None
    leads_back = {networks.plain(found) for found in resolver.addresses_of(name)}
    return name if networks.plain(address) in leads_back else None


def _prove(proof: CrawlerProof, resolver: Resolver, *, now: datetime) -> None:
    row, robot = CrawlerProof.objects.filter(pk=proof.pk), robots.named(proof.crawler)
    if robot is None:
        row.delete()  # one that we no longer know
        return
    try:
        host = host_of(robot, proof.address, resolver=resolver)
    except NameUnknown:
        attempts = proof.attempts + 1
        if attempts < _ATTEMPTS:
            row.update(attempts=attempts, due_at=now + attempts * _PAUSE)
            return
        if proof.is_proven and now < proof.expires_at:
            row.update(attempts=0, due_at=None)  # silence refutes nothing: what holds, holds to its end
            return
        host = None
    lasts = _PROVEN_FOR if host is not None else _REFUTED_FOR
    row.update(
        is_proven=host is not None, host=(host or "")[:255], expires_at=now + lasts, due_at=None, attempts=0
    )


def _asked(ask: Callable[[], _Answer]) -> _Answer | NameUnknown | None:
    try:
        return ask()
    except (OSError, UnicodeError) as error:
        if getattr(error, "errno", None) in _TRY_AGAIN:
            return NameUnknown(str(error))
        return None
