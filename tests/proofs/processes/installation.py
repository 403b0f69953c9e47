"""A whole installation on services of its own, for proofs that kill, freeze and flush what it stands on.

The proofs share one, since it takes a while to start. Each finds it whole: `Installation.mend` starts what is missing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
import pytest

from tests.factories.paywall import MARKER
from tests.proofs.processes import services
from tests.proofs.processes.services import Postgres, Redis, wait_until
from tests.proofs.processes.stack import Stack, running

PROCESSES = ("sandbox", "web", "worker", "relay", "schedule")
PASSWORD = "harbour lights at dusk"
ARTICLE = "harbour-vote"
CUSTOMERS = 12
# Longer than anything is held by a process that died.
A_LEASE = 300.0
_UNFINISHED = "state in ('received', 'parked')"

_FURNISH = f"""
import json
from datetime import timedelta
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from accounts import clock
from accounts.models import User
from accounts.session_store import Door, SessionStore
from billing import gateway
from billing.models import Customer
from paywall import articles, entitlements
from paywall.decision.article import Demand
from paywall.decision.facts import Grant

now = clock.now()
began = now - timedelta(days=10)

def session(reader, door):
    store = SessionStore(door=door)
    store.create()
    store[SESSION_KEY] = str(reader.pk)
    store[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    store[HASH_SESSION_KEY] = reader.get_session_auth_hash()
    store.save()
    return store.session_key

def reader(name, **fields):
    made = User.objects.create_user(name + "@readers.example", {PASSWORD!r} if fields else None)
    made.vouch_for_email()
    return made

payer, guest = reader("payer", password=True), reader("guest", password=True)
entitlements.replace(payer, source="proof", now=now, grants=(
    Grant(product="premium", source="proof", starts_at=began, ends_at=None),
))
articles.state({ARTICLE!r}, articles.Statement(
    url="http://localhost:8001/{ARTICLE}", title="The harbour votes", published_at=began, demand=Demand.SUBSCRIBER,
    products=("premium",), teaser="<p>On Sunday.</p>", body="<p>{MARKER}</p>",
), now=now)
staff = User.objects.get(email="admin@demo.example")
people = {{}}
for name, who in (("payer", payer), ("guest", guest), ("staff", staff)):
    people[name + " token"] = session(who, Door.HEADER)
    people[name + " cookie"] = session(who, Door.COOKIE)
customers = []
for number in range({CUSTOMERS}):
    who = reader("customer" + str(number))
    made = gateway.default().create_customer(email=who.email, reader=who.public_id, key="proof-" + str(number))
    Customer.objects.get_or_create(stripe_id=made, defaults={{"reader": who, "email": who.email, "created_at": now}})
    customers.append(made)
print(json.dumps({{"people": people, "customers": customers}}))
"""


@dataclass(slots=True)
class Installation:
    """Our processes, what they stand on, and who reads: `people` maps `payer token`, `staff cookie` … to a value."""

    stack: Stack
    postgres: Postgres
    redis: Redis
    people: dict[str, str] = field(default_factory=dict)
    customers: list[str] = field(default_factory=list)

    def furnish(self) -> None:
        """Make the readers, an article that asks for premium, and customers at the stand-in."""
        said = json.loads(self.stack.manage("shell", "--verbosity", "0", "--command", _FURNISH))
        self.people, self.customers = said["people"], said["customers"]

    def mend(self) -> None:
        """Start whatever a proof left dead or frozen."""
        if self.redis.process is None or self.redis.process.poll() is not None:
            self.redis.start()
        self.redis.thaw()
        self.stack.start(*(name for name in PROCESSES if not self.stack.is_alive(name)))

    def rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        """Ask the database, over a connection of our own."""
        with psycopg.connect(self.stack.database_url, autocommit=True, connect_timeout=5) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[call-overload, no-any-return]

    def execute(self, statement: str, *values: Any) -> None:
        """Change the database as only a fault would."""
        with psycopg.connect(self.stack.database_url, autocommit=True, connect_timeout=5) as connection:
            connection.execute(statement, values)  # type: ignore[call-overload]

    def advance(self, seconds: float) -> None:
        """Move the time of our processes on; the stand-in's stays where it is."""
        clock = self.stack.folder / "clock"
        fresh = clock.with_name("clock.advanced")
        fresh.write_text(f"{float(clock.read_text()) + seconds:.3f}")
        fresh.replace(clock)

    def work_left(self) -> dict[str, int]:
        """Count what waits: events in the inbox, customers to be looked at, mails to be sent."""
        (counts,) = self.rows(
            f"select (select count(*) from billing_stripeevent where {_UNFINISHED}), "  # noqa: S608  ours
            "(select count(*) from billing_customer where sync_requested > sync_done), "
            "(select count(*) from accounts_mail where state = 'queued')"
        )
        return {
            name: count for name, count in zip(("events", "customers", "mails"), counts, strict=True) if count
        }

    def wait_for_work(self, *, seconds: float) -> None:
        """Wait until nothing waits any more."""
        try:
            wait_until(lambda: not self.work_left(), what="the workers to do all", seconds=seconds)
        except AssertionError as late:
            raise AssertionError(f"{late}; left: {self.work_left()}") from late


@contextmanager
def _installed(folder: Path) -> Iterator[Installation]:
    for name in ("pg", "redis", "stack"):
        (folder / name).mkdir()
    postgres, redis = Postgres(folder=folder / "pg"), Redis(folder=folder / "redis")
    postgres.create()
    postgres.start()
    redis.start()
    extra = {"SECRET_KEY": "of the proofs, known to all, as long as it has to be", "TRUSTED_PROXIES": "1"}
    stack = Stack(
        folder=folder / "stack", database_url=postgres.new_database(), redis_url=redis.url, extra=extra
    )
    try:
        with running(stack, "web"):
            stack.start("worker", "relay", "schedule")
            installation = Installation(stack=stack, postgres=postgres, redis=redis)
            installation.furnish()
            yield installation
    finally:
        redis.stop()
        postgres.stop()


@pytest.fixture(scope="package")
def shared_installation() -> Iterator[Installation]:
    """The one installation of all proofs that break it; to be asked for as `installation`."""
    services.require(Postgres.binary(), "Postgres (apt install postgresql)")
    services.require(Redis.binary(), "Redis (apt install redis-server)")
    # Not under pytest's folder: Postgres, which refuses to run as root, could not reach it there.
    with TemporaryDirectory(prefix="paywall-proofs-") as folder:
        Path(folder).chmod(0o711)
        with _installed(Path(folder)) as installation:
            yield installation


@pytest.fixture
def installation(shared_installation: Installation) -> Iterator[Installation]:
    """A whole installation that a proof may break."""
    shared_installation.mend()
    # What a crash left leased is nobody's for a while: no fault of the proof that comes next.
    shared_installation.advance(A_LEASE)
    shared_installation.wait_for_work(seconds=120)
    yield shared_installation
    shared_installation.mend()
