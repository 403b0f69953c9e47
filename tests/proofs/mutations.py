"""Each guard of the product switched off, one at a time: a proof has to turn red, or it proves nothing.

`python3 manage.py test mutations` copies the tree for each, changes one line, and runs the proof that `guards` names. A
guard whose absence nobody notices fails the run. `test_mutations.py` sees to it that the lines still exist.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.proofs.guards.agreements import AGREEMENTS
from tests.proofs.guards.groups import GROUPS
from tests.proofs.guards.money_back import MONEY_BACK
from tests.proofs.guards.mutation import Mutation
from tests.proofs.guards.service import SERVICE
from tests.proofs.guards.sold_once import SOLD_ONCE
from tests.proofs.processes.services import Postgres

ROOT = Path(__file__).resolve().parents[2]
_TESTS_FAILED = 1  # pytest's code; others say that it could not even run

MUTATIONS = (*SERVICE, *AGREEMENTS, *SOLD_ONCE, *GROUPS, *MONEY_BACK)


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
