"""Fills an empty database of ours with readers; prints those who will ask. A process of its own:
`DATABASE_URL=… python -m tests.bench.seeding 1000`.
"""

from __future__ import annotations

import json
import os
import secrets
import sys
from collections.abc import Iterable
from datetime import datetime, timedelta

import django
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core import signing
from django.core.management import call_command
from django.db import connection, transaction

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from accounts import clock, sessions  # noqa: E402  models can be loaded only now
from accounts.models import User  # noqa: E402
from accounts.session_store import SessionStore  # noqa: E402
from paywall import articles, keys, tokens  # noqa: E402
from paywall.decision.article import Demand  # noqa: E402
from paywall.models import AccessEpoch, Entitlement, FreeRead, RuleSet, Wallet  # noqa: E402
from tests.bench import cast  # noqa: E402
from tests.bench.cast import Cast, Reader  # noqa: E402
from tests.bench.numbers import fill, settle  # noqa: E402
from tests.factories.paywall import live_rules  # noqa: E402

_PUBLIC_ID = "'rdr_00000000' || (1000000000000000 + n)"


def main(readers: int) -> None:
    """Seed, and say who asks."""
    now = clock.now()
    call_command("migrate", verbosity=0, interactive=False)
    call_command("createcachetable", verbosity=0)
    _publish(now=now)
    with transaction.atomic():
        _people(readers, now=now)
    settle(User, Entitlement, Wallet, FreeRead)
    sys.stdout.write(_cast(readers, now=now).to_json())


def _publish(*, now: datetime) -> None:
    premium, metered = ({"sections": [each], "products": ["premium"]} for each in ("premium", "metered"))
    live_rules(
        {**premium, "demand": Demand.SUBSCRIBER},
        {**metered, "demand": Demand.METERED},
        now=now - timedelta(days=20),
        stranger_reads=1,
        reader_reads=3,
        meter_window=RuleSet.MeterWindow.DAYS,
    )
    for number in range(cast.ARTICLES):
        for section, name in (("premium", cast.premium(number)), ("metered", cast.metered(number))):
            articles.state(
                name,
                articles.Statement(
                    url=f"{cast.SITE}/{name}",
                    title="The harbour votes",
                    section=section,
                    published_at=now - timedelta(days=1),
                    teaser="<p>On Sunday.</p>",
                    body=cast.BODY,
                ),
                now=now,
            )


def _people(readers: int, *, now: datetime) -> None:
    moment = connection.ops.adapt_datetimefield_value
    values = {
        "now": moment(now),
        "began": moment(now - timedelta(days=10)),
        "ends": moment(now + timedelta(days=20)),
        "articles": cast.ARTICLES,
    }
    half = readers // 2
    people = {
        "id": "n", "password": "'!'", "is_superuser": "FALSE", "is_staff": "FALSE", "is_active": "TRUE",
        "public_id": _PUBLIC_ID, "email": "'reader' || n || '@readers.example'", "language": "''",
        "date_joined": "%(began)s",
    }  # fmt: skip
    rights = {
        "reader_id": "n", "product_id": "'premium'", "source": "'subscription:sub_' || n", "suspension": "''",
        "starts_at": "%(began)s", "ends_at": "%(ends)s", "recorded_at": "%(began)s",
    }  # fmt: skip
    fill(User, people, first=1, last=readers, values=values)
    fill(Entitlement, rights, first=1, last=half, values=values)
    epochs = {"reader_id": "n", "number": "1", "raised_at": "%(began)s"}
    fill(AccessEpoch, epochs, first=1, last=half, values=values)
    wallets = {"id": "n", "owner": f"'reader:' || {_PUBLIC_ID}", "reader_id": "n"}
    fill(Wallet, wallets, first=half + 1, last=readers, values=values)
    read = "'metered-' || (n %% %(articles)s)"
    reads = {"wallet_id": "n", "article": read, "spent_at": "%(now)s", "recorded_at": "%(now)s"}
    fill(FreeRead, reads, first=half + 1, last=readers, values=values)


def _cast(readers: int, *, now: datetime) -> Cast:
    subscribers, metered = cast.numbers(readers)
    paying = User.objects.filter(pk__in=subscribers)
    with transaction.atomic():
        return Cast(
            subscribers=_signed_in(subscribers, now=now),
            metered=_signed_in(metered, now=now),
            devices=tuple(_device() for _ in subscribers),
            tokens=tuple(tokens.mint(each, site=cast.SITE, now=now).token for each in paying),
            keys=json.dumps({"keys": keys.published(now=now)}),
        )


def _signed_in(numbers: Iterable[int], *, now: datetime) -> tuple[Reader, ...]:
    found = User.objects.in_bulk(list(numbers))
    return tuple(Reader(number, _session(found[number], now=now), _device()) for number in numbers)


def _session(reader: User, *, now: datetime) -> str:
    store = SessionStore()
    store[SESSION_KEY] = str(reader.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = reader.get_session_auth_hash()
    sessions.note_sign_in(store, ip="203.0.113.9", user_agent="Mozilla/5.0", now=now)
    store.save()
    return str(store.session_key)


def _device() -> str:
    return signing.Signer(salt="accounts.device").sign(secrets.token_urlsafe(16))


if __name__ == "__main__":
    main(int(sys.argv[1]))
