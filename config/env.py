"""Typed readers of the environment: the one place where text from outside becomes settings.

Every reader either returns a sound value or stops the start with one line that names the variable.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from email.utils import getaddresses
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from babel.numbers import list_currencies
from django.core.exceptions import ImproperlyConfigured

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_ADDRESS = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_DATABASE = re.compile(r"sqlite:|(?:postgres|postgresql|psql|pgsql)://")
# What stands in documentation, or was written to be replaced; long enough that chance does not write it into a key.
_PLACEHOLDER = re.compile(
    r"change.?me|placeholder|insecure|example|not.a.secret|your[-_]|replace|demo[-_]|x{8}|[<>]|\.\.\.|\$\{"
)
_KIND = re.compile(r"^(?:[a-z]+_(?:test|live)|whsec)_")
_FEWEST_CHARACTERS = 8
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

    def secret(self, name: str, *, least: int, default: str | None = None) -> str:
        """Return a secret of at least `least` characters; outside DEBUG a placeholder is refused, unrepeated."""
        value = self.text(name, default=default)
        return self._sound_secret(name, value, least=least) if value else value

    def secrets(self, name: str, *, least: int) -> tuple[str, ...]:
        """Return comma-separated secrets, none by default."""
        return tuple(self._sound_secret(name, word, least=least) for word in self.words(name))

    def number(self, name: str, *, default: int, least: int = 0, most: int = 10_000) -> int:
        """Return a whole number from `least` to `most`."""
        value = self._raw(name)
        if not value:
            return default
        if not re.fullmatch(r"[0-9]{1,9}", value) or not least <= int(value) <= most:
            raise EnvError(name, f"must be a whole number from {least} to {most}, not {value[:20]!r}.")
        return int(value)

    def words(self, name: str, *, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return the comma-separated values of `name`, empty ones dropped."""
        value = self._raw(name)
        if not value:
            return default
        return tuple(word.strip() for word in value.split(",") if word.strip())

    def currencies(self, name: str) -> tuple[str, ...]:
        """Return comma-separated currencies in small letters, each once, none by default."""
        codes = tuple(dict.fromkeys(word.lower() for word in self.words(name)))
        if unknown := [code for code in codes if code.upper() not in list_currencies()]:
            raise EnvError(name, f"must be currencies such as eur,chf,gbp; {unknown[0][:20]!r} is none.")
        return codes

    def hosts(self, name: str, *, default: tuple[str, ...] = ()) -> tuple[str, ...]:
        """Return comma-separated host names; at least one, and outside DEBUG each by its name."""
        hosts = self.words(name, default=default)
        if not hosts:
            raise EnvError(name, "is missing: name the hosts that serve this site.")
        if any("/" in host for host in hosts) or ("*" in hosts and not self.flag("DEBUG")):
            raise EnvError(
                name, "must be host names such as account.news.example, without a scheme and without *."
            )
        return hosts

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
            self._sound_secret(name, match["key"], least=16)
            if match["name"] in digests:
                raise EnvError(name, f"names {match['name']!r} twice.")
            digests[match["name"]] = hashlib.sha256(match["key"].encode()).hexdigest()
        return digests

    def path(self, name: str, *, default: Path | None = None) -> Path | None:
        """Return a file system path, or the default where none is set."""
        value = self._raw(name)
        return Path(value) if value else default

    def level(self, name: str, *, default: str) -> str:
        """Return the name of a level of the log."""
        value = self.text(name, default=default).upper()
        if value not in logging.getLevelNamesMapping():
            raise EnvError(name, f"must be DEBUG, INFO, WARNING, ERROR or CRITICAL, not {value[:20]!r}.")
        return value

    def choice(self, name: str, *, among: tuple[str, ...]) -> str:
        """Return one of a few words, the first by default."""
        value = self.text(name, default=among[0]).lower()
        if value not in among:
            raise EnvError(name, f"must be {' or '.join(among)}, not {value[:20]!r}.")
        return value

    def addresses(self, name: str) -> tuple[str, ...]:
        """Return comma-separated mail addresses, none by default."""
        found = self.words(name)
        if not all(_ADDRESS.fullmatch(address) for address in found):
            raise EnvError(name, "must be comma-separated mail addresses.")
        return found

    def sender(self, name: str, *, default: str | None = None) -> str:
        """Return one mail address, with or without a name before it."""
        value = self.text(name, default=default)
        found = [address for _name, address in getaddresses([value])]
        if len(found) != 1 or not _ADDRESS.fullmatch(found[0]):
            raise EnvError(name, "must be one mail address, such as Desk <desk@news.example>.")
        return value

    def database(self, name: str, *, default: str) -> dict[str, Any]:
        """Return Django's settings for a database address."""
        value = self.text(name, default=default)
        # Asked first: of an engine that it does not know, the library prints the password.
        config = self._parsed(name, value, read=environ.Env.db_url_config) if _DATABASE.match(value) else {}
        if not config.get("NAME"):
            raise EnvError(name, "must be sqlite:///path or postgres://user:password@host/name.")
        return config

    def mail(self, name: str, *, default: str | None = None) -> dict[str, Any]:
        """Return Django's settings for a mail address; outside DEBUG mails leave by SMTP."""
        value = self.text(name, default=default)
        config = self._parsed(name, value, read=environ.Env.email_url_config)
        if not self.flag("DEBUG") and not (value.startswith("smtp") and config.get("EMAIL_HOST")):
            raise EnvError(name, "must be smtp://host, smtp+tls://user:password@host:587 or smtp+ssl://….")
        return config

    def redis(self, name: str) -> str:
        """Return the address of a Redis, or nothing."""
        value = self.text(name, default="")
        if value and not (value.startswith(("redis://", "rediss://")) and _has_host(value)):
            raise EnvError(name, "must be redis://host:6379/0 or rediss://….")
        return value

    def folder(self, name: str, path: Path) -> Path:
        """Make the folder that `name` says, for us alone, unless it is there."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise EnvError(name, f"is no folder that can be made ({type(error).__name__}).") from error
        return path

    def _sound_secret(self, name: str, value: str, *, least: int) -> str:
        if self.flag("DEBUG"):
            return value
        bare = _KIND.sub("", value)
        if len(value) < least or len(set(bare)) < _FEWEST_CHARACTERS or _PLACEHOLDER.search(value.lower()):
            raise EnvError(
                name, f"is too short or a placeholder: it must be at least {least} random characters."
            )
        return value

    @staticmethod
    def _parsed(name: str, value: str, *, read: Any) -> dict[str, Any]:
        try:
            return dict(read(value))
        except (ImproperlyConfigured, KeyError, ValueError) as error:
            raise EnvError(name, f"cannot be read as an address ({type(error).__name__}).") from error

    def _raw(self, name: str) -> str:
        value = self._given(name)
        if _UNPRINTABLE.search(value):
            raise EnvError(name, "holds a line break or another character that cannot be printed.")
        return value

    def _given(self, name: str) -> str:
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
    # An address with credentials in it is not repeated.
    said = repr(text[:80]) if "@" not in text else "one with credentials"
    try:
        parts = urlsplit(text)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError as error:
        raise EnvError(name, f"is not a URL: {said}.") from error
    bare = parts.path in {"", "/"} and not parts.query and not parts.fragment and "@" not in parts.netloc
    if parts.scheme not in {"http", "https"} or not parts.hostname or not bare or not port_is_sound:
        raise EnvError(name, f"must be an origin such as https://account.news.example, not {said}.")
    return f"{parts.scheme}://{parts.netloc}"


def _has_host(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
