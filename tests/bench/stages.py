"""What one table is about: a database full of readers, and the servers that stand on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis as Client

from tests.bench import cast, servers
from tests.bench.cast import Cast
from tests.bench.plan import Database
from tests.bench.servers import FLOOR, NAIVE, OURS, Program
from tests.proofs.processes.services import Postgres, Redis

# Our server is run once for each of these values, where there is a Redis.
LANES = ("1", "0")


@dataclass(frozen=True, slots=True)
class Stage:
    """A seeded installation, and the naive one beside it.

    `ours` are the names of those programs that are ours, `keeping` of those that keep something for the next request.
    """

    title: str
    folder: Path
    asking: Cast
    asking_naive: Cast
    programs: tuple[Program, ...]
    ours: tuple[str, ...]
    keeping: frozenset[str] = frozenset()
    redis: Client | None = None


@dataclass(frozen=True, slots=True)
class _Ground:
    """Two empty databases, and a Redis or none."""

    title: str
    ours: str
    naive: str
    redis: str = ""


def missing(database: Database) -> str | None:
    """Say what has to be installed before there can be such a stage; None where all is there."""
    if database is Database.SQLITE:
        return None
    if Postgres.binary() is None:
        return "Postgres (apt install postgresql)"
    return None if Redis.binary() else "Redis (apt install redis-server)"


@contextmanager
def stage(database: Database, *, readers: int) -> Iterator[Stage]:
    """Set a stage with so many readers; all of it is gone afterwards."""
    # Where Postgres, which refuses to run as root, can reach its own folder.
    with TemporaryDirectory(prefix="paywall-bench-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        stand = _on_postgres if database is Database.POSTGRES else _on_sqlite
        with stand(folder) as ground:
            yield _seeded(ground, folder=folder, readers=readers)


def _seeded(ground: _Ground, *, folder: Path, readers: int) -> Stage:
    ours = servers.environment(folder, database_url=ground.ours, redis_url=ground.redis)
    naive = servers.environment(folder, database_url=ground.naive)
    asking = servers.run("tests.bench.seeding", str(readers), environment=ours)
    asking_naive = servers.run("tests.bench.naive.seeding", str(readers), environment=naive)
    own = (
        tuple(Program(f"ours, EXPRESS_LANE={lane}", OURS, {**ours, "EXPRESS_LANE": lane}) for lane in LANES)
        if ground.redis
        else (Program("ours", OURS, ours),)
    )
    return Stage(
        title=f"{ground.title}, {readers:,} readers",
        folder=folder,
        asking=cast.from_json(asking),
        asking_naive=cast.from_json(asking_naive),
        programs=(Program("floor", FLOOR, naive), Program("naive", NAIVE, naive), *own),
        ours=tuple(each.name for each in own),
        keeping=frozenset(each.name for each in own if each.environment.get("EXPRESS_LANE") == "1"),
        redis=Client.from_url(ground.redis) if ground.redis else None,
    )


@contextmanager
def _on_sqlite(folder: Path) -> Iterator[_Ground]:
    ours, naive = (f"sqlite:///{folder / name}.sqlite3" for name in ("ours", "naive"))
    yield _Ground("SQLite without Redis, the embedded default", ours, naive)


@contextmanager
def _on_postgres(folder: Path) -> Iterator[_Ground]:
    for name in ("postgres", "redis"):
        (folder / name).mkdir()
    postgres, redis = Postgres(folder=folder / "postgres"), Redis(folder=folder / "redis")
    postgres.create()
    postgres.start()
    try:
        redis.start()
        yield _Ground("Postgres and Redis", postgres.new_database(), postgres.new_database(), redis.url)
    finally:
        redis.stop()
        postgres.stop()
