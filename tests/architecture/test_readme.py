"""The READMEs and the code say the same: variables, events, libraries, files. Neither changes without the other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
import stripe

from billing import inbox

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROOMS = ("accounts", "billing", "config", "paywall")
_OF_EVERY_APP = {
    *("__init__.py", "__pycache__/", "apps.py", "urls.py"),
    *("locale/", "management/", "migrations/", "static/", "templates/"),
}
_CALLED = {"djangorestframework": "django rest framework"}


def section(title: str) -> str:
    """Return the part of the README under that heading."""
    return re.split(r"^##+ ", README.split(f"## {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def test_every_variable_is_explained_and_none_that_does_not_exist() -> None:
    settings = (ROOT / "config" / "settings.py").read_text(encoding="utf-8")
    read = set(re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', settings))
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", section("Going live"))) - {"NAME_FILE"}
    assert len(read) > 15
    assert told == read


def test_the_events_to_subscribe_to_are_those_that_the_inbox_takes() -> None:
    step = re.search(r"API version\s.*?and these events: (.*?)\. Put", section("Going live"), flags=re.S)
    assert step is not None
    told = re.findall(r"`([a-z_.*]+)`", step[1])
    taken = (*inbox._ABOUT_SOMEBODY, *inbox._ABOUT_THE_CATALOGUE)
    assert [event for event in told if not event.startswith(taken)] == []
    assert [prefix for prefix in taken if not any(event.startswith(prefix) for event in told)] == []


def test_the_version_of_the_webhook_is_the_one_we_speak() -> None:
    assert f"`{stripe.api_version}`" in section("Going live")


def test_every_library_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    told = section("What it is built on").lower()
    wanted = [*project["project"]["dependencies"], *project["dependency-groups"]["demo"]]
    names = [re.split(r"[\[~<>=]", entry)[0] for entry in wanted]
    assert len(names) > 10
    assert [name for name in names if _CALLED.get(name, name) not in told] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_s_table_names_what_is_there(room: str) -> None:
    text = (ROOT / room / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    files = [name for row in rows for name in re.findall(r"`([\w/]+(?:\.py|/))`", row)]
    files += re.findall(r"`(tests/[\w/.]+)`", text)
    missing = [name for name in files if not ((ROOT / room / name).exists() or (ROOT / name).exists())]
    assert missing == []
    # The table of `accounts` is of doors, not of files.
    assert room == "accounts" or _rooms_of(room) - set(files) == set()


def _rooms_of(package: str) -> set[str]:
    """Return the modules and folders of a package that are more than what every app of Django has."""
    there = {path.name + "/" * path.is_dir() for path in (ROOT / package).iterdir()}
    return {name for name in there if name.endswith((".py", "/"))} - _OF_EVERY_APP


def test_every_mail_about_money_stands_in_the_table() -> None:
    told = (
        (ROOT / "billing/README.md").read_text(encoding="utf-8").split("## Mails\n", 1)[1].split("\n\n", 1)[0]
    )
    mails = (ROOT / "billing/templates/billing/email").glob("*.subject.txt")
    kinds = {path.name.removesuffix(".subject.txt") for path in mails}
    assert len(kinds) > 15
    assert {
        name for row in told.splitlines() for name in re.findall(r"`([a-z_]+)`", row.split("|")[1])
    } == kinds
