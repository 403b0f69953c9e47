"""The proof of the README's page for operators: each command on it is run on what it is for, and mends that."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

import psycopg
import pytest
from django.core.management import get_commands

from accounts import emails
from accounts import tasks as mail_tasks
from accounts.models import Mail, User
from billing import comparison, inbox, sync, tasks
from billing.models import CheckoutAttempt, Cursor, Customer, OpenProduct, ReconcileRun, StripeEvent
from config import vitals
from paywall import entitlements
from paywall.models import Entitlement
from tests.billing.market import Market
from tests.factories.accounts import a_mail, a_reader
from tests.proofs.conftest import Figure
from tests.proofs.operation import operator_page
from tests.proofs.operation.operator_page import ROOT, typed
from tests.proofs.processes import services
from tests.proofs.processes.services import Postgres

SECOND, DAY = timedelta(seconds=1), timedelta(days=1)
_MANAGE = "python3 manage.py "


@dataclass(slots=True)
class Night:
    """An installation in some trouble, and an operator who types a line of the page."""

    market: Market

    def work(self) -> None:
        """Do all that is due, as workers do who run all the time."""
        moment = self.market.now + SECOND
        tasks.process_events(ids=inbox.due_ids(now=moment, limit=1000))
        tasks.sync_customers(ids=sync.waiting_ids(now=moment, limit=1000))
        mail_tasks.deliver_mails(ids=emails.due_ids(now=moment, limit=1000))

    def subscriber(self, email: str = "") -> User:
        """Return a reader who has bought."""
        reader = a_reader(email)
        self.market.buy(reader)
        return reader

    def end_unheard(self, reader: User) -> None:
        """End a subscription at Stripe, of which no webhook tells."""
        subscription = self.market.customer(reader).subscriptions.get().stripe_id
        self.market.gateway.cancel_now(subscription=subscription, key=f"end:{subscription}")

    def reads(self, reader: User) -> bool:
        """Tell whether what the reader bought opens now."""
        moment = self.market.now + SECOND
        return any(
            grant.standing(at=moment).opens for grant in entitlements.snapshot(reader, now=self.market.now)
        )

    def forget(self, reader: User) -> None:
        """Make it as if the backup were older than the reader."""
        for table in (OpenProduct, CheckoutAttempt, Entitlement, Mail, Customer):
            table._default_manager.filter(reader=reader).delete()
        User.objects.filter(pk=reader.pk).delete()

    def parts(self) -> dict[str, str]:
        """Return the parts that need a person, each with what to do."""
        return {vital.name: vital.do for vital in vitals.read(now=self.market.now + SECOND) if vital.do}


def _status(night: Night, line: str) -> None:
    night.market.buy(a_reader())
    said, code = typed(line)
    assert code == 1
    assert "! comparison" in said
    assert "-> manage.py reconcile" in said
    for mend in ("replay_events", "reconcile"):
        typed(f"{_MANAGE}{mend}")
    night.work()
    said, code = typed(line)
    assert code == 0, said
    assert json.loads(typed(f"{line} --json")[0])["needs_a_person"] is False


def _a_dead_event(night: Night) -> tuple[User, str]:
    """Let the one event that tells of an end be given up, as its customer could not be read for a while."""
    reader = night.subscriber()
    typed(f"{_MANAGE}replay_events")
    night.work()
    night.end_unheard(reader)
    typed(f"{_MANAGE}replay_events")
    ended = StripeEvent.objects.filter(type="customer.subscription.deleted").latest("pk")
    StripeEvent.objects.exclude(state=StripeEvent.State.DONE).exclude(pk=ended.pk).delete()
    StripeEvent.objects.filter(pk=ended.pk).update(state="dead", attempts=8, last_error="StripeRefused: no")
    assert "events given up" in night.parts()
    return reader, ended.event_id


def _retry_events_dry(night: Night, line: str) -> None:
    reader, event = _a_dead_event(night)
    said, _code = typed(line)
    assert f"{event}: dead StripeRefused: no" in said
    night.work()
    assert night.reads(reader)
    StripeEvent.objects.filter(event_id=event).delete()


def _retry_events(night: Night, line: str) -> None:
    reader, _event = _a_dead_event(night)
    said, _code = typed(line)
    assert "1 events will be worked through again" in said
    night.work()
    assert not night.reads(reader)
    assert "events given up" not in night.parts()


def _retry_mails(night: Night, line: str) -> None:
    mail = a_mail(now=night.market.now)
    Mail.objects.filter(pk=mail.pk).update(state=Mail.State.DEAD, attempts=8, last_error="refused")
    assert "mails given up" in night.parts()
    said, _code = typed(line)
    assert "1 mails will be sent again" in said
    night.work()
    assert Mail.objects.get(pk=mail.pk).state == Mail.State.SENT


def _sync_customer(night: Night, line: str) -> None:
    reader = night.subscriber(line.rsplit(" ", 1)[-1])
    night.end_unheard(reader)
    said, _code = typed(line)
    assert "done" in said
    assert "canceled" in said
    assert not night.reads(reader)


def _sync_all(night: Night, line: str) -> None:
    readers = [night.subscriber(), night.subscriber()]
    for reader in readers:
        night.end_unheard(reader)
    night.market.sandbox.advance(seconds=2)
    said, code = typed(line)
    assert code == 0, said
    assert not any(night.reads(reader) for reader in readers)


def _replay(night: Night, line: str) -> None:
    reader = night.subscriber()
    night.end_unheard(reader)
    night.market.sandbox.advance(seconds=2)
    # Our mark is past what the webhook never brought, unless the page's command goes back further.
    goes_back = "--since" in line
    Cursor.objects.update_or_create(
        name="events", defaults={"moved_at": night.market.now + (2 * DAY if goes_back else timedelta())}
    )
    if goes_back:
        line = re.sub(r"--since \S+", f"--since {night.market.now - DAY:%Y-%m-%d}", line)
    said, code = typed(line)
    assert code == 0, said
    assert "events looked at" in said
    night.work()
    assert not night.reads(reader)


def _reconcile_dry(night: Night, line: str) -> None:
    reader = night.subscriber()
    night.end_unheard(reader)
    runs = ReconcileRun.objects.count()
    said, _code = typed(line)
    assert "status: active, not canceled" in said
    assert "nothing was changed" in said
    assert night.reads(reader)
    assert ReconcileRun.objects.count() == runs
    typed(f"{_MANAGE}reconcile")


def _reconcile(night: Night, line: str) -> None:
    reader = night.subscriber()
    night.end_unheard(reader)
    said, code = typed(line)
    assert code == 0, said
    assert ", 1 repaired" in said
    assert not night.reads(reader)
    equal, checked = re.search(r"(\d+) of (\d+) subscriptions proven equal", typed(line)[0]).groups()  # type: ignore[union-attr]
    assert equal == checked
    assert "comparison" not in night.parts()


def _report(night: Night, line: str) -> None:
    night.end_unheard(night.subscriber())
    assert typed(f"{_MANAGE}reconcile")[0].splitlines()[-2:] == typed(line)[0].splitlines()[-2:]
    assert "status: active, not canceled" in typed(line)[0]


def _reconcile_anew(night: Night, line: str) -> None:
    """The backup was taken while a comparison was under way that had walked past somebody."""
    passed = night.subscriber()
    brought_back = comparison.start(now=night.market.now - DAY)
    ReconcileRun.objects.filter(pk=brought_back).update(cursor=_oldest_subscription(night.market))
    night.end_unheard(passed)
    said, code = typed(line)
    assert code == 0, said
    assert not night.reads(passed)


def _oldest_subscription(market: Market) -> str:
    """Return where a walk, which goes from the newest to the oldest, has passed everything."""
    return [theirs.id for theirs in market.gateway.subscriptions()][-1]


def _recover_readers(night: Night, line: str) -> None:
    lost = night.subscriber("lost@example.org")
    public_id = lost.public_id
    night.forget(lost)
    said, code = typed(line)
    assert code == 0, said
    assert "1 of 1 readers made again" in said
    night.work()
    again = User.objects.get(email="lost@example.org")
    assert again.public_id == public_id
    assert night.reads(again)


OF_STRIPE: dict[str, Callable[[Night, str], None]] = {
    "python3 manage.py status": _status,
    "python3 manage.py retry_events --dry-run": _retry_events_dry,
    "python3 manage.py retry_events": _retry_events,
    "python3 manage.py retry_mails": _retry_mails,
    "python3 manage.py sync_customer ann@example.org": _sync_customer,
    "python3 manage.py sync_customer --all": _sync_all,
    "python3 manage.py replay_events --since 2026-11-20": _replay,
    "python3 manage.py replay_events": _replay,
    "python3 manage.py reconcile --dry-run": _reconcile_dry,
    "python3 manage.py reconcile": _reconcile,
    "python3 manage.py reconcile --report": _report,
    "python3 manage.py reconcile --anew": _reconcile_anew,
    "python3 manage.py recover_readers": _recover_readers,
}
OF_SQLITE = (
    "python3 manage.py backup paywall.backup",
    "python3 manage.py restore paywall.backup",
    "python3 manage.py migrate",
)
OF_POSTGRES = (
    'pg_dump --format=custom --file=paywall.dump "$DATABASE_URL"',
    'psql "$DATABASE_URL" -c "DROP SCHEMA public CASCADE" -c "CREATE SCHEMA public"',
    'pg_restore --exit-on-error --no-owner --dbname="$DATABASE_URL" paywall.dump',
)


def test_recovery_no_command_of_the_page_is_run_by_no_test() -> None:
    told = operator_page.commands()
    assert len(told) > 15
    assert set(told) == {*OF_STRIPE, *OF_SQLITE, *OF_POSTGRES}


def test_recovery_what_is_named_in_passing_and_by_status_stands_on_the_page() -> None:
    ours = {name for name, app in get_commands().items() if app in {"accounts", "billing", "config"}}
    known = {line.removeprefix(_MANAGE).split()[0] for line in operator_page.commands()}
    passing = {name for name in operator_page.mentioned() if name in ours}
    status = set(re.findall(r"manage\.py (\w+)", Path(vitals.__file__).read_text(encoding="utf-8")))
    assert passing, "nothing was found, which is wrong"
    assert status
    assert passing <= known
    assert status - {"createcachetable"} <= known


def test_recovery_every_line_of_a_log_that_the_page_explains_is_one_of_ours() -> None:
    said = "\n".join(
        path.read_text(encoding="utf-8")
        for room in ("accounts", "billing", "config")
        for path in (ROOT / room).rglob("*.py")
    )
    formats = re.findall(r"(?:logger\.\w+|\blog)\(\s*f?\"([^\"]+)\"", said)
    assert len(formats) > 10
    told = operator_page.log_lines()
    assert len(told) > 8
    for line in told:
        # The number of the last try is the one thing that the page says more exactly than the format.
        words = [part.strip(" :") for part in line.replace("try 8", "try").split("…") if part.strip(" :")]
        assert any(all(word in one for word in words) for one in formats), line


@pytest.mark.django_db
def test_recovery_every_command_about_stripe_mends_what_it_is_for(market: Market, figure: Figure) -> None:
    night, run = Night(market), 0
    for line in operator_page.commands():
        if line in OF_STRIPE:
            OF_STRIPE[line](night, line)
            run += 1
    figure(
        "RP",
        f"{run} of {len(OF_STRIPE)} commands of the operator's page run on the trouble they are for, and it was mended",
        target="all",
    )
    assert run == len(OF_STRIPE)


def _type_all(lines: tuple[str, ...], *, folder: Path, meanwhile: Callable[[], object], **more: str) -> None:
    """Type the page's lines in its order, as in a shell; after the first, which backs up, something else happens."""
    environment = {**os.environ, **more}
    for line in (line for line in operator_page.commands() if line in lines):
        subprocess.run(["bash", "-ec", line], cwd=folder, env=environment, check=True, stdout=sys.stderr)
        if line == lines[0]:
            meanwhile()


def test_recovery_sqlite_comes_back_as_it_was_backed_up(tmp_path: Path) -> None:
    file, here = tmp_path / "live.sqlite3", {"DATABASE_URL": f"sqlite:///{tmp_path / 'live.sqlite3'}"}
    (tmp_path / "manage.py").symlink_to(ROOT / "manage.py")
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "-v0"], cwd=ROOT, env={**os.environ, **here}, check=True
    )
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        state = "INSERT INTO paywall_product (slug, name, description) VALUES (?, ?, '')"
        database.execute(state, ("kept", "Kept"))
        lose = partial(database.execute, state, ("lost", "Lost"))
        _type_all(OF_SQLITE, folder=tmp_path, meanwhile=lose, PATH=path, **here)
    with closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT slug FROM paywall_product").fetchall() == [("kept",)]
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def test_recovery_postgres_comes_back_as_it_was_backed_up(postgres: Postgres, tmp_path: Path) -> None:
    services.require(Postgres.binary("pg_restore"), "pg_restore (apt install postgresql-client)")
    url = postgres.new_database()
    programs = Path(str(Postgres.binary("pg_restore"))).parent
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(
            "CREATE TABLE reader (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text UNIQUE)"
        )
        database.execute("INSERT INTO reader (email) VALUES ('kept@example.org')")

        def lose() -> None:
            database.execute("INSERT INTO reader (email) VALUES ('lost@example.org')")
            database.execute("CREATE TABLE later (id int)")

        path = f"{programs}:{os.environ['PATH']}"
        _type_all(OF_POSTGRES, folder=tmp_path, meanwhile=lose, PATH=path, DATABASE_URL=url)
        assert database.execute("SELECT email FROM reader").fetchall() == [("kept@example.org",)]
        assert database.execute("SELECT to_regclass('later')").fetchone() == (None,)
