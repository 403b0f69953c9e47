"""Each guard of the product switched off, one at a time: a proof has to turn red, or it proves nothing.

`python3 manage.py test mutations` copies the tree for each, changes one line, and runs the proof named here. A guard
whose absence nobody notices fails the run. `test_mutations.py` sees to it that the lines still exist.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.proofs.processes.services import Postgres

ROOT = Path(__file__).resolve().parents[2]
_TESTS_FAILED = 1  # pytest's code; others say that it could not even run


@dataclass(frozen=True, slots=True)
class Mutation:
    """A guard, the text that is it, what stands there without it, and the proof (a path in this folder) that tells."""

    guard: str
    file: str
    old: str
    new: str
    proof: str
    only: str = ""  # pytest's -k, where not all of that file is needed
    is_on_postgres: bool = False  # where SQLite, with its one writer, does not need the guard
    environment: Mapping[str, str] = field(
        default_factory=dict
    )  # for a proof that tells only when it goes on longer


MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "every answer is private unless it says otherwise",
        "config/settings.py",
        '    "config.middleware.PrivateByDefault",\n',
        "",
        "leaks/test_s2_shared_caches.py",
    ),
    Mutation(
        "one open checkout per reader, by constraint",
        "billing/migrations/0001_initial.py",
        "condition=models.Q(('state', 'open')), fields=('reader',)",
        "condition=models.Q(('state', 'never')), fields=('reader',)",
        "races/test_r8_exactly_one.py",
        is_on_postgres=True,
    ),
    Mutation(
        "a gift opens to so many and no more",
        "paywall/gifts.py",
        "gift is None or not gift.openings_left:",
        "gift is None:",
        "races/test_r8_gifts.py",
    ),
    Mutation(
        "a change voids what is kept in Redis",
        "accounts/shelf.py",
        "redis.call('GET', kept[1]) == kept[2]",
        "true",
        "races/test_r9_flips.py",
    ),
    Mutation(
        "what was read before a change is not kept after it",
        "accounts/shelf.py",
        "if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 0 end",
        "",
        "../accounts/test_shelf.py",
    ),
    Mutation(
        "nothing is kept while a transaction changes it",
        "accounts/shelf.py",
        "in_atomic_block and not _rest.is_taken():",
        "in_atomic_block and False:",
        "../accounts/test_shelf.py",
    ),
    Mutation(
        "a reader is never refused by what is kept",
        "paywall/express/lane.py",
        "settled = _OPEN if who.reader is not None else _OPEN | _CLOSED_TO_STRANGERS",
        "settled = _OPEN | _CLOSED_TO_STRANGERS",
        "../paywall/express/test_lane.py",
    ),
    Mutation(
        "the lane spends nothing that it could not tell",
        "paywall/express/lane.py",
        "if self._dress(question, passed) is None:",
        "if False:",
        "../paywall/express/test_fresh.py",
    ),
    Mutation(
        "a lease that ran out is taken over",
        "billing/sync.py",
        "Customer.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), pk=customer_pk)",
        "Customer.objects.filter(Q(leased_until=None), pk=customer_pk)",
        "kills/test_r2_kills.py",
    ),
    Mutation(
        "an event that a killed worker held is taken up again",
        "billing/inbox.py",
        "    free = Q(leased_until=None) | Q(leased_until__lte=now)\n    return _unfinished()",
        "    free = Q(leased_until=None)\n    return _unfinished()",
        "kills/test_r2_kills.py",
    ),
    Mutation(
        "a mail that a killed worker held is taken up again",
        "accounts/models.py",
        "            models.Q(leased_until=None) | models.Q(leased_until__lte=now)\n",
        "            models.Q(leased_until=None)\n",
        "kills/test_r2_kills.py",
    ),
    Mutation(
        "a repeated wish repeats its idempotency key",
        "billing/calls.py",
        "        result = call(record.key)\n",
        "        result = call(secrets.token_hex(16))\n",
        "kills/test_r2_kills.py",
    ),
    Mutation(
        "an event asks for a look",
        "billing/inbox.py",
        "        sync.request([customer], now=now)\n        _finish([event.pk, *also]",
        "        _finish([event.pk, *also]",
        "histories/test_r1_convergence.py",
    ),
    Mutation(
        "what a comparison finds different is looked at",
        "billing/comparison.py",
        "        sync.customer(customer, gateway=gateway, now=now)\n",
        "        pass\n",
        "histories/test_r1_convergence.py",
    ),
    Mutation(
        "an event is kept once",
        "billing/inbox.py",
        "        event_id=event.id,\n",
        '        event_id=f"{event.id}-{id(delivery)}-{now.timestamp()}",\n',
        "odd_input/test_s4_webhooks.py",
    ),
    Mutation(
        "a webhook is signed",
        "billing/gateway/deliveries.py",
        "    except stripe.SignatureVerificationError:\n        return False\n",
        "    except stripe.SignatureVerificationError:\n        return True\n",
        "odd_input/test_s4_webhooks.py",
    ),
    Mutation(
        "a failed payment has its grace",
        "billing/lifecycle.py",
        "    until = since + grace\n",
        "    until = since\n",
        "terms/test_r14_period_ends.py",
    ),
    Mutation(
        "a term is over at its end",
        "paywall/decision/facts.py",
        "self.ends_at is None or at < self.ends_at",
        "self.ends_at is None or at <= self.ends_at",
        "terms/test_r14_period_ends.py",
    ),
    Mutation(
        "a story waits for Stripe no longer than its deadline",
        "config/middleware.py",
        "deadline.within(settings.SECONDS_FOR_STRIPE)",
        "deadline.within(99.0)",
        "outages/test_r5_stripe_faults.py",
    ),
    Mutation(
        "an event that fells its workers is given up",
        "billing/inbox.py",
        "    if event.attempts > _TRIES:",
        "    if event.attempts > 10 * _TRIES:",
        "outages/test_r11_poison.py",
    ),
    Mutation(
        "a worker looks at its connection before each task",
        "config/celery.py",
        "    close_old_connections()\n",
        "    pass\n",
        "outages/test_r3_acknowledged_is_kept.py",
        environment={"CRASHES": "5"},  # a worker has four threads, of which one crash may spare some
    ),
    Mutation(
        "a lost database is told with the time to come back",
        "config/problems.py",
        '(OperationalError, Problem(HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable", _RETRY_SOON)),',
        '(OperationalError, Problem(HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable")),',
        "outages/test_r6_postgres_restart.py",
    ),
    Mutation(
        "SQLite takes its lock before it reads",
        "config/settings.py",
        '        "transaction_mode": "IMMEDIATE",\n',
        "",
        "outages/test_r7_sqlite_writers.py",
    ),
    Mutation(
        "a code has three tries, however many come at once",
        "accounts/limits.py",
        '        process.state["code"] = ""\n',
        "        pass\n",
        "logins/test_s10_guessing.py",
        "three_times",
    ),
    Mutation(
        "a claimed address counts only behind a proxy of ours",
        "accounts/identity.py",
        "hops[-min(proxies, len(hops))]",
        "hops[0]",
        "logins/test_s10_guessing.py",
        "claimed",
    ),
    Mutation(
        "a sign-up is the same work for a known address",
        "accounts/forms.py",
        "            self._pretend_to_save(request)\n",
        "            pass\n",
        "logins/test_s9_known_addresses.py",
        "every_answer",
    ),
    Mutation(
        "the first proof of an address ends older ways in",
        "accounts/receivers.py",
        "        reader.set_unusable_password()\n",
        "        pass\n",
        "logins/test_s11_prehijack.py",
    ),
    Mutation(
        "nobody is sent to an origin that is not ours",
        "accounts/adapter.py",
        "    if origin not in {settings.SITE_URL, *settings.CORS_ALLOWED_ORIGINS}:",
        "    if not origin:",
        "logins/test_s13_redirects.py",
        "by_an_address",
    ),
    Mutation(
        "who paid after the backup is known again by the same name",
        "billing/strays.py",
        "User.objects.create_user(stray.email, public_id=stray.reader)",
        "User.objects.create_user(stray.email)",
        "operation/test_r13_restored_backup.py",
    ),
    Mutation(
        "a body goes only where access is full",
        "paywall/access.py",
        "body=article.body if decision.access is Access.FULL else None,",
        "body=article.body,",
        "leaks/test_s1_full_text.py",
    ),
    Mutation(
        "what staff may not see they cannot filter by",
        "accounts/admin.py",
        "return (name not in columns or name in shown) and super()",
        "return super()",
        "leaks/test_s1_elsewhere.py",
        "hides",
    ),
    Mutation(
        "only the site states articles",
        "paywall/views/articles.py",
        'return [IsSite()] if self.request.method in {"PUT", "DELETE"} else [AllowAny()]',
        "return [AllowAny()]",
        "leaks/test_s3_matrix.py",
    ),
    Mutation(
        "a wrong token is nobody's, not a stranger's",
        "accounts/authentication.py",
        'raise AuthenticationFailed("This session token is not valid, or no longer.")',
        "return None",
        "leaks/test_s3_matrix.py",
    ),
    Mutation(
        "invoices are the reader's own",
        "billing/invoices.py",
        "Invoice.objects.filter(customer__reader=reader)",
        "Invoice.objects.all()",
        "leaks/test_s3_others_things.py",
    ),
    Mutation(
        "an attempt to buy is the reader's own",
        "billing/subscribing.py",
        ".filter(reader=reader, key=key)",
        ".filter(key=key)",
        "leaks/test_s3_others_things.py",
    ),
)


def main(names: Sequence[str]) -> int:
    """Try every guard, or those whose words contain one of `names`; return how many nobody missed."""
    chosen = [one for one in MUTATIONS if not names or any(name in one.guard for name in names)]
    unnoticed = 0
    for number, mutation in enumerate(chosen, start=1):
        began = time.monotonic()
        code, told = _run_without(mutation)
        verdict = "red" if code == _TESTS_FAILED else f"NOT RED (exit {code})"
        unnoticed += code != _TESTS_FAILED
        seconds = time.monotonic() - began
        _say(f"{number:>2}/{len(chosen)} {verdict:<4} {mutation.guard}: {mutation.proof}, {seconds:.0f} s")
        if code != _TESTS_FAILED:
            _say(told[-2000:])
    _say(f"{len(chosen) - unnoticed} of {len(chosen)} guards are missed by a proof")
    return unnoticed


def without(mutation: Mutation, source: str) -> str:
    """Return the source without this guard.

    :raises ValueError: the text is not there exactly once.
    """
    if source.count(mutation.old) != 1:
        raise ValueError(f"{mutation.file} holds {source.count(mutation.old)} x {mutation.old!r}")
    return source.replace(mutation.old, mutation.new)


@contextmanager
def _environment(mutation: Mutation) -> Iterator[dict[str, str]]:
    """Yield the environment of a run in its ordinary extent, on a database of its own."""
    plain = {name: value for name, value in os.environ.items() if name not in {"PROOFS", "DATABASE_URL"}}
    plain |= mutation.environment
    if not mutation.is_on_postgres:
        yield plain
        return
    # Not under pytest's folders or our own: Postgres, which does not run as root, could not reach it there.
    with tempfile.TemporaryDirectory(prefix="paywall-pg-") as folder:
        server = Postgres(folder=Path(folder))
        server.create()
        server.start()
        try:
            yield {**plain, "DATABASE_URL": server.new_database()}
        finally:
            server.stop()


def _run_without(mutation: Mutation) -> tuple[int, str]:
    with tempfile.TemporaryDirectory(prefix="paywall-mutation-") as folder:
        tree = Path(folder) / "tree"
        _copy(tree)
        file = tree / mutation.file
        file.write_text(without(mutation, file.read_text(encoding="utf-8")), encoding="utf-8")
        only = ["-k", mutation.only] if mutation.only else []
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider"]
        with _environment(mutation) as environment:
            done = subprocess.run(
                [*command, f"tests/proofs/{mutation.proof}", *only],
                cwd=tree,
                env=environment,
                capture_output=True,
                text=True,
                check=False,
            )
        return done.returncode, done.stdout + done.stderr


def _copy(tree: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        source = ROOT / name
        if source.is_file():
            target = tree / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
