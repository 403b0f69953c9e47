"""The environment becomes settings, or the start ends with one clear line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import Env, EnvError

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1", True), ("TRUE", True), ("on", True), ("0", False), ("", False), ("no", False)],
)
def test_a_flag_is_read_in_the_usual_words(text: str, expected: bool) -> None:
    assert Env({"DEBUG": text}).flag("DEBUG") is expected


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("DEBUG", "maybe", lambda env: env.flag("DEBUG")),
        ("PAST_DUE_GRACE_DAYS", "seven", lambda env: env.number("PAST_DUE_GRACE_DAYS", default=7)),
        ("PAST_DUE_GRACE_DAYS", "-1", lambda env: env.number("PAST_DUE_GRACE_DAYS", default=7)),
        ("PAST_DUE_GRACE_DAYS", "٣", lambda env: env.number("PAST_DUE_GRACE_DAYS", default=7)),
        ("SITE_URL", "account.news.example", lambda env: env.origin("SITE_URL")),
        ("SITE_URL", "https://news.example/path", lambda env: env.origin("SITE_URL")),
        ("SITE_URL", "https://user@news.example", lambda env: env.origin("SITE_URL")),
        ("SITE_URL", "https://news.example:port", lambda env: env.origin("SITE_URL")),
        ("CORS_ALLOWED_ORIGINS", "https://a.example,*", lambda env: env.origins("CORS_ALLOWED_ORIGINS")),
        ("SITE_API_KEYS", "cms", lambda env: env.site_keys("SITE_API_KEYS")),
        ("PAST_DUE_GRACE_DAYS", "9" * 5000, lambda env: env.number("PAST_DUE_GRACE_DAYS", default=7)),
        ("TRUSTED_PROXIES", "21", lambda env: env.number("TRUSTED_PROXIES", default=0, most=20)),
        ("SITE_NAME", "two\nlines", lambda env: env.text("SITE_NAME")),
        ("SITE_NAME", "half \ud800", lambda env: env.text("SITE_NAME")),
        ("ALLOWED_HOSTS", "*", lambda env: env.hosts("ALLOWED_HOSTS")),
        ("ALLOWED_HOSTS", "https://news.example", lambda env: env.hosts("ALLOWED_HOSTS")),
        ("LOG_LEVEL", "loud", lambda env: env.level("LOG_LEVEL", default="INFO")),
        ("DEFAULT_FROM_EMAIL", "the desk", lambda env: env.sender("DEFAULT_FROM_EMAIL")),
        ("DEFAULT_FROM_EMAIL", "a@x.example, b@x.example", lambda env: env.sender("DEFAULT_FROM_EMAIL")),
        ("DATABASE_URL", "postgres://", lambda env: env.database("DATABASE_URL", default="")),
        ("DATABASE_URL", "postgres://host:port/x", lambda env: env.database("DATABASE_URL", default="")),
        ("EMAIL_URL", "dummymail://", lambda env: env.mail("EMAIL_URL")),
        ("EMAIL_URL", "carrier://pigeon", lambda env: env.mail("EMAIL_URL")),
        ("REDIS_URL", "redis://host:port/0", lambda env: env.redis("REDIS_URL")),
        ("VAR_DIR", "/dev/null/var", lambda env: env.folder("VAR_DIR", Path("/dev/null/var"))),
        ("SITE_API_KEYS", "cms:short", lambda env: env.site_keys("SITE_API_KEYS")),
        (
            "SITE_API_KEYS",
            "cms:0123456789abcdef,cms:0123456789abcdeg",
            lambda env: env.site_keys("SITE_API_KEYS"),
        ),
    ],
)
def test_an_odd_value_is_refused_by_name(name: str, text: str, read: object) -> None:
    assert callable(read)
    with pytest.raises(EnvError, match=name):
        read(Env({name: text}))


@pytest.mark.parametrize(
    "placeholder",
    ["changeme-0123456789", "<your key>abcdefgh", "x" * 30, "0101" * 9, "${SECRET}0123456789", "brief"],
)
def test_a_placeholder_is_no_secret_and_is_not_repeated(placeholder: str) -> None:
    for read in (
        lambda env: env.secret("KEY", least=16),
        lambda env: env.secrets("KEY", least=16),
    ):
        with pytest.raises(EnvError, match="KEY is too short or a placeholder") as refusal:
            read(Env({"KEY": placeholder}))
        assert placeholder not in str(refusal.value)
        assert read(Env({"KEY": placeholder, "DEBUG": "1"})) in {placeholder, (placeholder,)}


@pytest.mark.parametrize("name", ["DATABASE_URL", "EMAIL_URL", "REDIS_URL", "SITE_URL"])
def test_an_address_with_a_password_is_not_repeated(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    env = Env({name: "mysql://user:PassWord1@host:port/name"})
    read = {
        "DATABASE_URL": lambda: env.database(name, default=""),
        "EMAIL_URL": lambda: env.mail(name),
        "REDIS_URL": lambda: env.redis(name),
        "SITE_URL": lambda: env.origin(name),
    }
    with pytest.raises(EnvError, match=name) as refusal:
        read[name]()
    assert "PassWord1" not in str(refusal.value) + str(capsys.readouterr())


def test_a_missing_value_without_a_default_is_refused() -> None:
    with pytest.raises(EnvError, match="SECRET_KEY is missing"):
        Env({}).text("SECRET_KEY")


def test_empty_words_are_dropped() -> None:
    assert Env({"STRIPE_WEBHOOK_SECRETS": " a ,, b,"}).words("STRIPE_WEBHOOK_SECRETS") == ("a", "b")


def test_a_secret_may_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-a-file\n", encoding="utf-8")
    assert Env({"SECRET_KEY_FILE": str(tmp_path / "key")}).text("SECRET_KEY") == "from-a-file"


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("a", encoding="utf-8")
    with pytest.raises(EnvError, match="both set"):
        Env({"SECRET_KEY": "b", "SECRET_KEY_FILE": str(tmp_path / "key")}).text("SECRET_KEY")


def test_a_file_that_cannot_be_read_is_refused_without_its_content(tmp_path: Path) -> None:
    with pytest.raises(EnvError, match="SECRET_KEY_FILE cannot be read"):
        Env({"SECRET_KEY_FILE": str(tmp_path / "missing")}).text("SECRET_KEY")


_PRODUCTION = {
    "SECRET_KEY": "0123456789abcdefghij" * 3,
    "ALLOWED_HOSTS": "account.news.example",
    "SITE_URL": "https://account.news.example",
    "EMAIL_URL": "smtp://mail.news.example:25",
    "DEFAULT_FROM_EMAIL": "desk@news.example",
}


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"SECRET_KEY": ""}, "SECRET_KEY is missing"),
        ({"SECRET_KEY": "short"}, "SECRET_KEY is too short or a placeholder"),
        ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS is missing"),
        ({"SITE_URL": "http://account.news.example"}, "SITE_URL must start with https"),
        ({"EMAIL_URL": ""}, "EMAIL_URL is missing"),
        ({"CLOCK_FILE": "somewhere"}, "CLOCK_FILE is for the demo"),
        ({"STRIPE_SECRET_KEY": "pk_test_0123456789"}, "STRIPE_SECRET_KEY must be"),
        (
            {"STRIPE_SECRET_KEY": "sk_live_0123456789", "STRIPE_API_BASE": "http://localhost:8002"},
            "STRIPE_API_BASE",
        ),
        ({"STRIPE_API_BASE": "http://localhost:8002"}, "STRIPE_API_BASE"),
        ({"DATABASE_URL": "mysql://a@b/c"}, "DATABASE_URL must be"),
        ({"REDIS_URL": "localhost:6379"}, "REDIS_URL must be"),
        ({"PAST_DUE_GRACE_DAYS": "a week"}, "PAST_DUE_GRACE_DAYS must be"),
    ],
)
def test_a_start_in_production_that_cannot_work_ends_with_one_line(
    change: dict[str, str], line: str, tmp_path: Path
) -> None:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **_PRODUCTION, **change}
    command = [sys.executable, "-c", "import config.settings"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert result.stderr.startswith(f"Configuration: {line}")
    assert result.stderr.count("\n") == 1


def test_a_sound_production_environment_is_accepted(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), **_PRODUCTION}
    command = [sys.executable, "-c", "import config.settings"]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.stderr == ""
