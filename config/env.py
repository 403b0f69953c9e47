"""Typed readers of the environment: the one place where text from outside becomes settings.

Every reader either returns a sound value or stops the start with one line that names the variable.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_SITE_KEY = re.compile(r"(?P<name>[a-z0-9][a-z0-9_-]*):(?P<key>\S{16,})")


class EnvError(SystemExit):
    """A setting that cannot work; ends the process with its message as the only line."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"Configuration: {name} {problem}")


class Env:
    """Read named settings from `source`; a secret may also be given as `NAME_FILE`, a path to read it from."""

    def __init__(self, source: Mapping[str, str]) -> None:
        self._source = source

    def text(self, name: str, *, default: str | None = None) -> str:
        """Return the stripped text of `name`.

        :raises EnvError: it is missing or empty and there is no default.
        """
        value = self._raw(name)
        if value:
            return value
        if default is None:
            raise EnvError(name, "is missing. Set it in the environment (the README lists all settings).")
        return default

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a yes or no: 1/0, true/false, yes/no, on/off in any case."""
        value = self._source.get(name)
        if value is None:
            return default
        if value.strip().lower() in _TRUE:
            return True
        if value.strip().lower() in _FALSE:
            return False
        raise EnvError(name, f"must be 1 or 0, not {value!r}.")

    def number(self, name: str, *, default: int, least: int = 0) -> int:
        """Return a whole number of at least `least`."""
        value = self._raw(name)
        if not value:
            return default
        if not value.isascii() or not value.isdigit() or int(value) < least:
            raise EnvError(name, f"must be a whole number of at least {least}, not {value!r}.")
        return int(value)

    def words(self, name: str, *, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the comma-separated values of `name`, empty ones dropped."""
        value = self._raw(name)
        if not value:
            return default
        return tuple(word.strip() for word in value.split(",") if word.strip())

    def origin(self, name: str, *, default: str | None = None) -> str:
        """Return an http(s) origin without a trailing slash, for example `https://account.news.example`."""
        return _origin(name, self.text(name, default=default))

    def origins(self, name: str) -> tuple[str, ...]:
        """Return comma-separated origins, none by default."""
        return tuple(_origin(name, word) for word in self.words(name))

    def site_keys(self, name: str) -> dict[str, str]:
        """Return `{name of the site: SHA-256 of its key, in hex}`; the key itself is not kept.

        Each pair is `name:key` with a key of 16 characters or more.
        """
        digests: dict[str, str] = {}
        for pair in self.words(name):
            match = _SITE_KEY.fullmatch(pair)
            if match is None:
                raise EnvError(
                    name, "must be comma-separated name:key pairs, each key 16 characters or more."
                )
            if match["name"] in digests:
                raise EnvError(name, f"names {match['name']!r} twice.")
            digests[match["name"]] = hashlib.sha256(match["key"].encode()).hexdigest()
        return digests

    def path(self, name: str, *, default: Path | None = None) -> Path | None:
        """Return a file system path, or the default where none is set."""
        value = self._raw(name)
        return Path(value) if value else default

    def _raw(self, name: str) -> str:
        direct = self._source.get(name)
        indirect = self._source.get(f"{name}_FILE")
        if direct and indirect:
            raise EnvError(name, f"and {name}_FILE are both set; keep one.")
        if indirect:
            try:
                return Path(indirect).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise EnvError(f"{name}_FILE", f"cannot be read ({type(error).__name__}).") from error
        return (direct or "").strip()


def _origin(name: str, text: str) -> str:
    try:
        parts = urlsplit(text)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError as error:
        raise EnvError(name, f"is not a URL: {text!r}.") from error
    bare = parts.path in {"", "/"} and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in {"http", "https"} or not parts.hostname or not bare or not port_is_sound:
        raise EnvError(name, f"must be an origin such as https://account.news.example, not {text!r}.")
    return f"{parts.scheme}://{parts.netloc}"
