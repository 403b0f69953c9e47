"""The shelf: what is kept in Redis, so that a request need not ask the database for it again.

What is kept there is of something that changes: a reader, a device. Each has a stamp, a random mark in Redis. What is
kept bears the stamp of the moment before it was read from the database, and counts only while the two are the same.
Whoever changes the thing turns its stamp, in the transaction that changes it: at once to "being changed", under which
nothing is kept, and after the commit to none, which makes way for a new one. A stamp that was lost voids what was kept
under it, so an empty Redis is a slow one and never a wrong one.

Where Redis cannot be told of a change, what was kept before counts for at most `LONGEST` more. Without Redis nothing is
kept.
"""

from __future__ import annotations

import logging
import secrets
import time
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache, partial

from django.conf import settings
from django.db import transaction
from redis import Redis
from redis.backoff import NoBackoff
from redis.commands.core import Script
from redis.exceptions import RedisError
from redis.retry import Retry

LONGEST = timedelta(seconds=60)

logger = logging.getLogger(__name__)

# Raised with what is kept: processes of two versions may share a Redis for a while.
_FORMAT = 1
# Changing what something is kept of takes less; a worker that dies meanwhile leaves the mark to run out by itself.
_CHANGING_FOR = timedelta(seconds=10)
# Since it was last asked for, or else what all answers rest on would become void for everybody at once. Not much longer
# than what is kept: whoever makes up things to ask about must not fill Redis.
_STAMP_FOR = 2 * LONGEST
_BEING_CHANGED = b"-"
# A Redis that does not answer is asked again after so long. It stands next door: what is slower is slower than SQL.
_PAUSE = 1.0
_SECONDS_TO_ANSWER = 0.1

# The kept thing, if its stamp is still that of what it is of; and the stamps of others.
_LOOK = """
local kept = redis.call('HMGET', KEYS[1], 'of', 'stamp', 'data')
local data = false
if kept[3] and redis.call('GET', kept[1]) == kept[2] then data = kept[3] end
local found = redis.call('MGET', unpack(KEYS, 2))
table.insert(found, 1, data)
return found
"""
_STAMP = """
local stamp = redis.call('GET', KEYS[1])
if not stamp then
  stamp = ARGV[1]
  redis.call('SET', KEYS[1], stamp, 'PX', ARGV[2])
elseif stamp ~= ARGV[3] then
  redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
return stamp
"""
_KEEP = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'of', KEYS[2], 'stamp', ARGV[1], 'data', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return 1
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What was kept, None where nothing is that still counts; and the stamps asked for, in their order."""

    kept: bytes | None
    stamps: tuple[bytes | None, ...]


def of_reader(reader_pk: int) -> str:
    """Return the name of what is kept of a reader."""
    return f"reader:{reader_pk}"


def of_device(device: str) -> str:
    """Return the name of what is kept of a device."""
    return f"device:{device}"


def look(key: str, first: str, *others: str) -> Found | None:
    """Return what is kept under a key, and the stamps of other things, in one round trip; None without Redis."""
    if not settings.REDIS_URL or _rest.is_taken():
        return None
    try:
        kept, *stamps = _tools(settings.REDIS_URL).look(keys=[_kept(key), *map(_stamp, (first, *others))])
    except RedisError as error:
        _rest.take(error)
        return None
    return Found(kept, tuple(None if stamp == _BEING_CHANGED else stamp for stamp in stamps))


def stamp(of: str) -> bytes | None:
    """Return the stamp under which may be kept what is read of this after the call, a new one where there is none.

    None where nothing may be kept.
    """
    if not settings.REDIS_URL or _rest.is_taken():
        return None
    fresh, life = secrets.token_hex(8), _milliseconds(_STAMP_FOR)
    try:
        found: bytes = _tools(settings.REDIS_URL).stamp(keys=[_stamp(of)], args=[fresh, life, _BEING_CHANGED])
    except RedisError as error:
        _rest.take(error)
        return None
    return found if found != _BEING_CHANGED else None


def keep(key: str, data: bytes, *, of: str, stamp: bytes) -> None:
    """Keep something under a key for a while, unless what it is of was changed since its `stamp` was asked for."""
    try:
        life = _milliseconds(LONGEST)
        _tools(settings.REDIS_URL).keep(keys=[_kept(key), _stamp(of)], args=[stamp, data, life])
    except RedisError as error:
        _rest.take(error)


def turn(*things: str) -> None:
    """Void what is kept of these things. To be called in the transaction that changes them, or after it."""
    if not settings.REDIS_URL:
        return
    # Locks may be held meanwhile: of a Redis that does not answer nothing is asked twice.
    if transaction.get_connection().in_atomic_block and not _rest.is_taken():
        _mark_as_changing(things)
    transaction.on_commit(partial(_void, things))


def forget_trouble() -> None:
    """Ask Redis again at once. For tests, which put another one in its place."""
    _rest.end()


def _mark_as_changing(things: tuple[str, ...]) -> None:
    try:
        pipe = _tools(settings.REDIS_URL).redis.pipeline(transaction=False)
        for thing in things:
            pipe.set(_stamp(thing), _BEING_CHANGED, px=_milliseconds(_CHANGING_FOR))
        pipe.execute()
    except RedisError as error:
        _rest.take(error)


def _void(things: tuple[str, ...]) -> None:
    # Asked also while Redis rests: it may be back, with what was kept before. A full one can delete, but not set.
    try:
        _tools(settings.REDIS_URL).redis.delete(*map(_stamp, things))
    except RedisError as error:
        _rest.take(error)


class _Rest:
    """After a failure Redis is left alone for a moment, so that a dead one costs next to nothing."""

    def __init__(self) -> None:
        self._until = 0.0

    def is_taken(self) -> bool:
        return time.monotonic() < self._until

    def take(self, error: RedisError) -> None:
        if not self.is_taken():
            logger.warning("Redis does not answer (%s); the database is asked instead.", type(error).__name__)
        self._until = time.monotonic() + _PAUSE

    def end(self) -> None:
        self._until = 0.0


@dataclass(frozen=True, slots=True)
class _Tools:
    redis: Redis
    look: Script
    stamp: Script
    keep: Script


@lru_cache(maxsize=4)
def _tools(url: str) -> _Tools:
    redis = Redis.from_url(
        url,
        decode_responses=False,
        socket_timeout=_SECONDS_TO_ANSWER,
        socket_connect_timeout=_SECONDS_TO_ANSWER,
        retry=Retry(NoBackoff(), retries=1),  # once: the server may have closed an idle connection
    )
    return _Tools(
        redis,
        look=redis.register_script(_LOOK),
        stamp=redis.register_script(_STAMP),
        keep=redis.register_script(_KEEP),
    )


_rest = _Rest()


def _kept(key: str) -> str:
    return f"paywall:kept:{_FORMAT}:{key}"


def _stamp(of: str) -> str:
    return f"paywall:stamp:{of}"


def _milliseconds(time_: timedelta) -> int:
    return int(time_ / timedelta(milliseconds=1))
