"""Fills the naive service's empty database with as many readers; prints those who will ask.

A process of its own: `DATABASE_URL=… python -m tests.bench.naive.seeding 1000`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta

import django
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from django.core.management import call_command
from django.db import connection, transaction
from django.utils import timezone

os.environ["DJANGO_SETTINGS_MODULE"] = "tests.bench.naive.settings"
django.setup()

from django.contrib.auth.models import User  # noqa: E402  models can be loaded only now

from tests.bench import cast  # noqa: E402
from tests.bench.cast import Cast, Reader  # noqa: E402
from tests.bench.naive.models import Article, FreeRead, Subscription  # noqa: E402
from tests.bench.numbers import fill, settle  # noqa: E402


def main(readers: int) -> None:
    """Seed, and say who asks."""
    call_command("migrate", verbosity=0, interactive=False)
    # Its own tables have no migrations, and can be made only when those of Django are there.
    call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    _publish()
    with transaction.atomic():
        _people(readers, now=timezone.now())
    settle(User, Subscription, FreeRead)
    subscribers, metered = cast.numbers(readers)
    with transaction.atomic():
        asking = Cast(subscribers=_signed_in(subscribers), metered=_signed_in(metered))
    sys.stdout.write(asking.to_json())


def _publish() -> None:
    Article.objects.bulk_create(
        Article(
            id=each, slug=slug, url=f"{cast.SITE}/{slug}", title=slug, is_metered=is_metered, body=cast.BODY
        )
        for number in range(cast.ARTICLES)
        for each, slug, is_metered in (
            (number + 1, cast.metered(number), True),
            (number + 1 + cast.ARTICLES, cast.premium(number), False),
        )
    )


def _people(readers: int, *, now: datetime) -> None:
    moment = connection.ops.adapt_datetimefield_value
    values = {
        "now": moment(now),
        "ends": moment(now + timedelta(days=20)),
        "articles": cast.ARTICLES,
    }
    half = readers // 2
    people = {
        "id": "n", "password": "'!'", "is_superuser": "FALSE", "is_staff": "FALSE", "is_active": "TRUE",
        "username": "'reader' || n", "email": "'reader' || n || '@readers.example'", "first_name": "''",
        "last_name": "''", "date_joined": "%(now)s",
    }  # fmt: skip
    paid = {"user_id": "n", "status": "'active'", "ends_at": "%(ends)s"}
    reads = {"user_id": "n", "article_id": "n %% %(articles)s + 1", "read_at": "%(now)s"}
    fill(User, people, first=1, last=readers, values=values)
    fill(Subscription, paid, first=1, last=half, values=values)
    fill(FreeRead, reads, first=half + 1, last=readers, values=values)


def _signed_in(numbers: Iterable[int]) -> tuple[Reader, ...]:
    found = User.objects.in_bulk(list(numbers))
    return tuple(Reader(number, _session(found[number])) for number in numbers)


def _session(reader: User) -> str:
    store = SessionStore()
    store[SESSION_KEY] = str(reader.pk)
    store[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    store[HASH_SESSION_KEY] = reader.get_session_auth_hash()
    store.save()
    return str(store.session_key)


if __name__ == "__main__":
    main(int(sys.argv[1]))
