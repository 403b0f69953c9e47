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
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
_TESTS_FAILED = 1  # pytest's code; others say that it could not even run


@dataclass(frozen=True, slots=True)
class Mutation:
    """A guard, the text that is it, what stands there without it, and the proof (a file of this folder) that tells."""

    guard: str
    file: str
    old: str
    new: str
    proof: str
    only: str = ""  # pytest's -k, where not all of that file is needed


MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "every answer is private unless it says otherwise",
        "config/settings.py",
        '    "config.middleware.PrivateByDefault",\n',
        "",
        "test_s2_shared_caches.py",
    ),
    Mutation(
        "one open checkout per reader, by constraint",
        "billing/migrations/0001_initial.py",
        "condition=models.Q(('state', 'open')), fields=('reader',)",
        "condition=models.Q(('state', 'never')), fields=('reader',)",
        "test_r8_exactly_one.py",
    ),
    Mutation(
        "a look is written only while its lease holds",
        "billing/sync.py",
        "    if ours.leased_by != lease:\n",
        '    if ours.leased_by == "nobody at all":\n',
        "test_r1_convergence.py",
    ),
    Mutation(
        "an event is kept once",
        "billing/inbox.py",
        "        event_id=event.id,\n",
        '        event_id=f"{event.id}-{id(delivery)}-{now.timestamp()}",\n',
        "test_s4_webhooks.py",
    ),
    Mutation(
        "a webhook is signed",
        "billing/gateway/deliveries.py",
        "    except stripe.SignatureVerificationError:\n        return False\n",
        "    except stripe.SignatureVerificationError:\n        return True\n",
        "test_s4_webhooks.py",
    ),
    Mutation(
        "a failed payment has its grace",
        "billing/lifecycle.py",
        "    until = since + grace\n",
        "    until = since\n",
        "test_r14_period_ends.py",
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


def _run_without(mutation: Mutation) -> tuple[int, str]:
    with tempfile.TemporaryDirectory(prefix="paywall-mutation-") as folder:
        tree = Path(folder) / "tree"
        _copy(tree)
        file = tree / mutation.file
        file.write_text(without(mutation, file.read_text(encoding="utf-8")), encoding="utf-8")
        only = ["-k", mutation.only] if mutation.only else []
        command = [sys.executable, "-m", "pytest", "-q", "-x", "--no-header", "-p", "no:cacheprovider"]
        done = subprocess.run(
            [*command, f"tests/proofs/{mutation.proof}", *only],
            cwd=tree,
            env={name: value for name, value in os.environ.items() if name != "PROOFS"},
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
