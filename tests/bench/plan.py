"""What one run of the benchmark does: how many readers, how long, how often, on what."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Database(StrEnum):
    """What an installation stands on."""

    POSTGRES = "postgres"  # with Redis beside it
    SQLITE = "sqlite"  # the embedded default, without Redis


@dataclass(frozen=True, slots=True)
class Plan:
    """One run. `threads` is how many each server answers with, `clients` how many ask at once.

    Each row is asked for `warm` seconds before it is measured.
    """

    readers: tuple[int, ...]
    databases: tuple[Database, ...]
    seconds: int
    warm: int
    rounds: int
    threads: int
    clients: int


def of(arguments: Sequence[str]) -> Plan:
    """Return what the command line asks for.

    :raises SystemExit: it cannot be meant.
    """
    parser = argparse.ArgumentParser("manage.py test bench", description=__doc__)
    parser.add_argument(
        "--short", action="store_true", help="1,000 readers, 2 rounds of 1 second: does it work?"
    )
    parser.add_argument("--readers", type=_sizes, help="how many, comma-separated (1000,1000000)")
    parser.add_argument("--databases", type=_databases, default=tuple(Database), help="postgres,sqlite")
    parser.add_argument("--seconds", type=_count, help="for each row in each round (2)")
    parser.add_argument(
        "--warm", type=_pause, default=2, help="for so long before that (2); 0 measures first askings"
    )
    parser.add_argument("--rounds", type=_count, help="medians are taken over these (7)")
    parser.add_argument("--threads", type=_count, default=4, help="of each server (4)")
    parser.add_argument("--clients", type=_count, default=16, help="that ask at once (16)")
    said = parser.parse_args(arguments)
    return Plan(
        readers=said.readers or ((1000,) if said.short else (1000, 1_000_000)),
        databases=said.databases,
        seconds=said.seconds or (1 if said.short else 2),
        warm=said.warm,
        rounds=said.rounds or (2 if said.short else 7),
        threads=said.threads,
        clients=said.clients,
    )


def _count(text: str) -> int:
    return _number(text, least=1, most=3600)


def _pause(text: str) -> int:
    return _number(text, least=0, most=600)


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(_number(word, least=1000, most=10_000_000) for word in text.split(","))


def _number(text: str, *, least: int, most: int) -> int:
    if not text.isdecimal() or not least <= int(text) <= most:
        raise argparse.ArgumentTypeError(f"must be a whole number from {least} to {most}, not {text[:20]!r}.")
    return int(text)


def _databases(text: str) -> tuple[Database, ...]:
    known = {str(each) for each in Database}
    if unknown := set(text.split(",")) - known:
        raise argparse.ArgumentTypeError(
            f"knows {' and '.join(sorted(known))}, not {', '.join(unknown)[:40]!r}."
        )
    return tuple(map(Database, text.split(",")))
