"""Keeping a sandbox's state in a file, so that a restart of the demo finds its readers again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .world import World


def taken(world: World) -> dict[str, Any]:
    """Return the state as a JSON document that shares nothing with the world."""
    document = {
        "offset": world.clock.offset,
        "seed": world.ids.seed,
        "count": world.ids.count,
        "kinds": world.store.kinds,
    }
    copied: dict[str, Any] = json.loads(json.dumps(document, default=str))
    return copied


def restore(world: World, document: dict[str, Any]) -> None:
    """Put a document's state in the place of the world's."""
    world.clock.set_offset(document["offset"])
    world.ids.seed, world.ids.count = document["seed"], document["count"]
    world.store.kinds = document["kinds"]
    world.store.touch()


def write(file: Path, document: dict[str, Any]) -> None:
    """Write a document, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(file.name + ".new")
    fresh.write_text(json.dumps(document))
    fresh.replace(file)


def read(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text())
    return document
