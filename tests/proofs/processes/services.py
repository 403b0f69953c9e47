"""Services that belong to one proof: started on free ports, frozen, killed and started again at will."""

from __future__ import annotations

import itertools
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

_numbers = itertools.count(1)


def require(found: object, what: str) -> None:
    """Skip with one clear line where something is not installed; fail where it has to be."""
    if found:
        return
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"REQUIRE_SERVICES=1, but there is no {what}.")
    pytest.skip(f"no {what}")


def free_port() -> int:
    """Return a port that nobody listens on, outside the range from which clients get theirs."""
    while True:
        port = 10000 + (os.getpid() * 37 + next(_numbers) * 11) % 20000
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port


def wait_until(is_so: Callable[[], object], *, what: str, seconds: float = 30.0) -> None:
    """Wait for a condition, looking often.

    :raises AssertionError: it did not come true in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return
        time.sleep(0.02)
    raise AssertionError(f"Waited {seconds:.0f} s for {what}.")


def listens(port: int) -> bool:
    """Tell whether somebody answers on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(slots=True)
class Postgres:
    """A cluster in `folder`, with the durability of the default settings; runs as `postgres` where we are root."""

    folder: Path
    port: int = field(default_factory=free_port)

    @staticmethod
    def binary(name: str = "initdb") -> Path | None:
        """Return the newest installed program of that name."""
        found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
        on_path = shutil.which(name)
        return found[-1] if found else Path(on_path) if on_path else None

    @property
    def url(self) -> str:
        """`DATABASE_URL` of the maintenance database."""
        return f"postgres://paywall@127.0.0.1:{self.port}/postgres"

    def create(self) -> None:
        """Make the cluster."""
        if os.geteuid() == 0:
            postgres = pwd.getpwnam("postgres")
            os.chown(self.folder, postgres.pw_uid, postgres.pw_gid)
        self._run("initdb", "-D", str(self._data), "-U", "paywall", "--auth=trust", "-E", "UTF8")

    def start(self) -> None:
        """Start and wait until it takes connections."""
        options = (
            f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c max_connections=200 "
            "-c synchronous_commit=on"
        )
        self._run(
            "pg_ctl", "-D", str(self._data), "-w", "-l", str(self.folder / "log"), "-o", options, "start"
        )

    def stop(self) -> None:
        """Stop at once, as a crash would: nothing is flushed, clients are cut off."""
        self._run("pg_ctl", "-D", str(self._data), "-m", "immediate", "stop")

    def new_database(self) -> str:
        """Make an empty database and return its `DATABASE_URL`."""
        name = f"proof_{next(_numbers)}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "paywall", name)
        return f"postgres://paywall@127.0.0.1:{self.port}/{name}"

    def dump(self, url: str, file: Path) -> None:
        """Write a backup of a database, as an operator would with pg_dump."""
        with file.open("wb") as sink:
            subprocess.run([self._path("pg_dump"), "--format=custom", url], check=True, stdout=sink)

    def restore(self, url: str, file: Path) -> None:
        """Make a database what it was when the backup was taken."""
        subprocess.run(
            [self._path("pg_restore"), "--clean", "--if-exists", "--dbname", url, str(file)], check=True
        )

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _path(self, program: str) -> str:
        found = self.binary(program)
        assert found is not None, program
        return str(found)

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [self._path(program), *arguments]
        if os.geteuid() == 0:  # Postgres refuses to run as root
            command = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", *command]
        with (self.folder / f"{program}.out").open("wb") as sink:
            done = subprocess.run(
                command, cwd="/", stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, check=False
            )
        assert done.returncode == 0, Path(sink.name).read_text()


@dataclass(slots=True)
class Redis:
    """A Redis server that keeps nothing on disk."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def binary() -> str | None:
        """Return the installed server."""
        return shutil.which("redis-server")

    @property
    def url(self) -> str:
        """`REDIS_URL` for the environment."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers."""
        options = ["--bind", "127.0.0.1", "--appendonly", "no", "--maxmemory-policy", "noeviction", "--save"]
        with (self.folder / "redis.log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", str(self.port), "--dir", str(self.folder), *options, ""],
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: listens(self.port), what="Redis")

    def freeze(self) -> None:
        """Let it keep its connections and answer nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """End it at once; connections are refused from now on."""
        self._signal(signal.SIGKILL)
        assert self.process is not None
        self.process.wait()

    def stop(self) -> None:
        """End it, in whatever state it is."""
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def commands(self) -> Counter[str]:
        """Return how many commands of each kind were carried out, those of scripts as well."""
        found = re.findall(r"cmdstat_([^:]+):calls=(\d+)", self._asked("INFO commandstats"))
        return Counter({name: int(calls) for name, calls in found})

    def flush(self) -> None:
        """Lose everything it holds."""
        assert self._asked("FLUSHALL").startswith("+OK")

    def keys(self) -> int:
        """Return how many keys it holds."""
        return int(self._asked("DBSIZE").strip(":\r\n"))

    def spoil(self, field_: str, value: str) -> None:
        """Write something else into a field of every hash that it holds."""
        script = (
            "for _, key in ipairs(redis.call('KEYS', '*')) do if redis.call('TYPE', key)['ok'] == 'hash' then "
            "redis.call('HSET', key, ARGV[1], ARGV[2]) end end return redis.status_reply('OK')"
        )
        parts = ("EVAL", script, "0", field_, value)
        wire = "".join(f"${len(part.encode())}\r\n{part}\r\n" for part in parts)
        assert self._asked(f"*{len(parts)}\r\n{wire}".removesuffix("\r\n")).startswith("+OK")

    def _asked(self, command: str) -> str:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
            connection.sendall(f"{command}\r\n".encode())
            return connection.recv(65_536).decode()

    def _signal(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)
