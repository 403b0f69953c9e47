"""The file queue: stands in for Redis on the embedded default. A transport for kombu, known to it as `spool://`.

Kombu's own filesystem transport lets a reader take a message before it is wholly written (celery/kombu#1551), which
loses it and ends the worker. Here a message appears by an atomic rename and is claimed by another. A message that is
lost all the same (a worker killed while it works) costs nothing but time: the database is the queue, the sweeper rings
again.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from pathlib import Path
from queue import Empty
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, filesystem


class Channel(filesystem.Channel):
    """Messages as files of one folder, mode 0700, named so that they sort by age."""

    def _put(self, queue: str, message: Any, **kwargs: Any) -> None:  # type: ignore[override]  # kombu says any arguments
        final = self._folder / f"{time.time_ns():020d}_{uuid.uuid4().hex}.{queue}.msg"
        partial = final.with_suffix(".tmp")
        partial.write_text(json.dumps(message), encoding="utf-8")
        # A reader sees all of a message or nothing of it.
        partial.replace(final)

    def _get(self, queue: str, timeout: float | None = None) -> Any:
        for message in self._messages(queue):
            claimed = message.with_suffix(f".{os.getpid()}.taken")
            try:
                message.rename(claimed)
            except FileNotFoundError:
                continue  # another reader was faster
            payload = json.loads(claimed.read_text(encoding="utf-8"))
            claimed.unlink()
            return payload
        raise Empty

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str | None, queue: str) -> None:
        # Kombu's own empties the file before it locks it; whoever reads it then meets half a document and dies.
        entry = (routing_key or "", pattern or "", queue or "")
        table = self.get_table(exchange)
        if entry in table:
            return
        final = self.control_folder / f"{exchange}.exchange"
        final.parent.mkdir(mode=0o700, exist_ok=True)
        partial = final.with_suffix(f".{uuid.uuid4().hex}.tmp")
        partial.write_text(json.dumps([entry, *table]), encoding="utf-8")
        partial.replace(final)

    def _purge(self, queue: str) -> int:
        messages = self._messages(queue)
        for message in messages:
            message.unlink(missing_ok=True)
        return len(messages)

    def _size(self, queue: str) -> int:
        return len(self._messages(queue))

    def _messages(self, queue: str) -> list[Path]:
        return sorted(self._folder.glob(f"*.{queue}.msg"))

    @property
    def _folder(self) -> Path:
        folder = Path(self.transport_options["folder"])
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    @property
    def control_folder(self) -> Path:
        """Where kombu keeps which queue hears which exchange."""
        return self._folder / "control"


class Transport(filesystem.Transport):
    """Kombu's filesystem transport over `Channel`."""

    Channel = Channel


TRANSPORT_ALIASES["spool"] = f"{__name__}:Transport"
