"""The proof that production starts cleanly, and refuses what cannot be meant in one line that gives nothing away."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL
from tests.proofs.processes.services import free_port
from tests.proofs.processes.stack import ROOT

_PASSWORD = "kXv7hT2mQw9z"
_TO_BE_CHANGED = "whsec_please-change-me-2f8a61"
_CHECK = ("manage.py", "check", "--deploy", "--fail-level", "WARNING")
_LONG = "k3" * 30 + "Zq8"  # long enough, and nothing that anybody would call random


@dataclass(frozen=True, slots=True)
class Case:
    """One variable set wrongly; `hidden` is what the message must not repeat."""

    name: str
    value: str | None
    hidden: str = ""

    def __str__(self) -> str:
        value = "missing" if self.value is None else repr(self.value[:24])
        return f"{self.name} {value}"


_SAMPLE = [
    Case("SECRET_KEY", None),
    Case("STRIPE_WEBHOOK_SECRETS", _TO_BE_CHANGED, hidden=_TO_BE_CHANGED),
    Case("DATABASE_URL", f"postgres://user:{_PASSWORD}@[::1/paywall", hidden=_PASSWORD),
]


def production(var: Path) -> dict[str, str]:
    """Return an environment with which the service may go live."""
    return {
        "PATH": os.environ.get("PATH", ""),
        "VAR_DIR": str(var),
        "SECRET_KEY": secrets.token_urlsafe(60),
        "ALLOWED_HOSTS": "account.news.example",
        "SITE_URL": "https://account.news.example",
        "CORS_ALLOWED_ORIGINS": "https://www.news.example",
        "DATABASE_URL": f"postgres://paywall:{_PASSWORD}@db/paywall",
        "REDIS_URL": f"redis://:{_PASSWORD}@redis:6379/0",
        "EMAIL_URL": f"smtp+tls://desk:{_PASSWORD}@mail.news.example:587",
        "DEFAULT_FROM_EMAIL": "The Courant <desk@news.example>",
        "STRIPE_SECRET_KEY": f"sk_live_{secrets.token_hex(20)}",
        "STRIPE_WEBHOOK_SECRETS": f"whsec_{secrets.token_hex(20)}",
        "SITE_API_KEYS": f"cms:{secrets.token_hex(20)}",
    }


def cases() -> list[Case]:
    """Return every variable with what cannot be meant."""
    needed = ("SECRET_KEY", "ALLOWED_HOSTS", "SITE_URL", "EMAIL_URL", "DEFAULT_FROM_EMAIL")
    missing = [Case(name, value) for name in needed for value in (None, "", "   ")]
    return [*missing, *_placeholders(), *_odd()]


def _placeholders() -> list[Case]:
    keys = (
        "brief", "x" * 60, "ab" * 40, "changeme" * 8, "change-me-" * 6 + _PASSWORD, "django-insecure-" + _LONG + "wQz",
        "your-secret-key-here-" + "Qw3rTy" * 8, "demo-only-not-a-secret-demo-only-not-a-secret-0000",
        "<put fifty random characters here, for example with openssl rand>", "${SECRET_KEY}" * 5,
        "replace_me_with_something_random_and_long_0123456789abcdef",
    )  # fmt: skip
    stripe = (
        "sk_test_changeme", "sk_live_xxxxxxxxxxxxxxxxxxxxxxxx", "sk_test_...", "sk_test_", "rk_live_", "whatever",
        "pk_live_0123456789abcdefABCDEF", "whsec_0123456789abcdefABCDEF", "sk_live_your-key-goes-here0", "<sk_live_>",
        "${STRIPE_SECRET_KEY}",
    )  # fmt: skip
    hooks = (
        "whsec_", "whsec_...", "whsec_xxxxxxxxxxxxxxxxxxxxxxxxxxx", "whsec_changeme", "changeme", "<whsec_>",
        "sk_live_0123456789abcdefABCDEF", f"whsec_{secrets.token_hex(20)},whsec_", "whsec_your-signing-secret-here",
    )  # fmt: skip
    sites = (
        "cms:changeme-changeme-changeme", "cms:xxxxxxxxxxxxxxxxxxxxxxxx", "cms:<a long random key>", "cms", "cms:brief",
        "newspaper:demo-site-key-not-a-secret", "cms:your-site-key-goes-here0",
    )  # fmt: skip
    return [
        *(Case("SECRET_KEY", value, hidden=value) for value in keys),
        *(Case("SECRET_KEY_FALLBACKS", value, hidden=value) for value in keys),
        *(Case("STRIPE_SECRET_KEY", value, hidden=value) for value in stripe),
        *(Case("STRIPE_WEBHOOK_SECRETS", value, hidden=value) for value in hooks),
        *(Case("SITE_API_KEYS", value, hidden=value.partition(":")[2]) for value in sites),
    ]


def _odd() -> list[Case]:
    given = f"user:{_PASSWORD}"
    odd = {
        "DEBUG": ("maybe", "2", "None"),
        "ALLOWED_HOSTS": ("*", ",", "https://account.news.example"),
        "SITE_URL": ("account.news.example", "http://account.news.example", "https://news.example/path", "ftp://x",
                     f"https://{given}@news.example", "https://news.example:port", "https://[::1", "https://"),
        "CORS_ALLOWED_ORIGINS": ("*", "https://a.example,*", "www.news.example", f"https://{given}@news.example"),
        "DATABASE_URL": ("nothing", f"mysql://{given}@db/paywall", f"postgres://{given}@[::1/paywall", "postgres://",
                         f"postgres://{given}@db:port/paywall"),
        "REDIS_URL": ("nothing", f"http://:{_PASSWORD}@redis", f"redis://:{_PASSWORD}@redis:port/0", "redis://"),
        "EMAIL_URL": ("nothing", f"ftp://{given}@mail", f"smtp://{given}@mail:port", f"smtp://{given}@[::1", "smtp://",
                      "consolemail://", "filemail:///tmp/mail", "memorymail://", "dummymail://"),
        "DEFAULT_FROM_EMAIL": ("desk", "desk@", "<>", "a@b.example, c@d.example",
                               "desk@news.example\r\nBcc: x@y.example"),
        "SITE_NAME": ("The\nCourant",),
        "ALERTS_TO": ("desk", "desk@", "desk@news.example\r\nBcc: x@y.example"),
        "CURRENCIES": ("euro", "eur;usd", "eur,xyz"),
        "ACCESS_AFTER_REFUND": ("maybe", "keep,withdraw"),
        "CHECKOUT_ASKS_FOR_CODES": ("perhaps",),
        "EXPRESS_LANE": ("maybe",),
        "STRIPE_TAX": ("perhaps",),
        "PAST_DUE_GRACE_DAYS": ("seven", "-1", "1.5", "9" * 12, "٣", "1e3"),
        "GRACE_WARNING_DAYS": ("two", "-1", "61"),
        "TRIAL_WARNING_DAYS": ("three", "-1", "61"),
        "FIX_LINK_DAYS": ("a month", "0", "367"),
        "GIFTS_PER_MONTH": ("many", "-1", "101"),
        "GIFT_DAYS": ("long", "0", "91"),
        "GIFT_OPENINGS": ("all", "0", "1001"),
        "RECONCILE_CALLS_PER_SECOND": ("fast", "0", "-1"),
        "RENEWAL_SLACK_HOURS": ("a day", "-1", "9" * 12),
        "PAUSE_DAYS_LEAST": ("a week", "-1", "9" * 12),
        "PAUSE_DAYS_MOST": ("long", "-1", "367"),
        "SAVE_OFFER_PAUSE": ("perhaps",),
        "COMP_LONGEST_DAYS": ("a year", "0", "3661"),
        "GIFT_CODE_YEARS": ("three", "-1", "51"),
        "TRUSTED_PROXIES": ("one", "-1", "9" * 12),
        "LOG_LEVEL": ("LOUD", "info,debug"),
        "CLOCK_FILE": ("/tmp/clock",),  # noqa: S108  refused, never opened
        "STRIPE_API_BASE": ("http://127.0.0.1:8002", "https://stripe.example", f"https://{given}@api.stripe.com", "x"),
        "VAR_DIR": ("/dev/null/var",),
        "SECRET_KEY_FILE": ("/nowhere/key", "/dev"),
    }  # fmt: skip
    return [
        Case(name, value, hidden=_PASSWORD if _PASSWORD in value else "")
        for name, values in odd.items()
        for value in values
    ]


def run(environment: dict[str, str], *command: str) -> tuple[int, str]:
    """Start one of our processes as an operator does; return how it ended and all that it said."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, timeout=120, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout.decode("utf-8", "replace")


def complaints(case: Case, environment: dict[str, str]) -> list[str]:
    """Return what is wrong with how a start with this variable ends."""
    for also in {case.name, case.name.removesuffix("_FILE")}:
        environment.pop(also, None)
    if case.value is not None:
        environment[case.name] = case.value
    if case.name == "VAR_DIR":
        environment["DATABASE_URL"] = ""
    code, said = run(environment, *_CHECK)
    wrong = [] if code else [f"{case}: it starts"]
    lines = said.strip().splitlines()
    if code and not (len(lines) == 1 and lines[0].startswith("Configuration: ") and case.name in lines[0]):
        wrong.append(f"{case}: not one line that names it, but {said.strip()[-300:]!r}")
    if case.hidden and case.hidden in said:
        wrong.append(f"{case}: the value is told")
    return wrong


def test_s7_every_variable_is_among_the_cases() -> None:
    read = set(
        re.findall(r'\benv\.\w+\(\s*"([A-Z_]+)"', (ROOT / "config/settings.py").read_text(encoding="utf-8"))
    )
    assert len(read) > 30
    assert read - {case.name for case in cases()} == set()


def test_s7_production_is_clean_and_refuses_what_cannot_be_meant(tmp_path: Path, figure: Figure) -> None:
    chosen = cases() if IS_FULL else _SAMPLE
    # What billing can do without for a while does not stop the start; the check before it says so.
    needless = ("STRIPE_WEBHOOK_SECRETS", "STRIPE_SECRET_KEY")[: 2 if IS_FULL else 1]
    with ThreadPoolExecutor(2) as pool:
        clean = pool.submit(run, production(tmp_path), *_CHECK)
        checked = [pool.submit(run, {**production(tmp_path), name: ""}, *_CHECK) for name in needless]
        found = list(pool.map(lambda case: complaints(case, production(tmp_path)), chosen))
    wrong = [one for each in found for one in each]
    for name, (code, said) in zip(needless, (one.result() for one in checked), strict=True):
        if code == 0 or name not in said:
            wrong.append(f"{name} missing: {said}")
    code, said = clean.result()
    issues = said.count("?: (")
    figure(
        "S7",
        f"check --deploy: exit {code}, {issues} warnings; {len(chosen) + len(needless)} starts with something missing, "
        f"placeholder or odd: {len(wrong)} not refused in one line that names it and tells no value",
        target="0 warnings, 0 starts",
    )
    assert (code, issues) == (0, 0), said
    assert wrong == []


@pytest.mark.skipif(not IS_FULL, reason="the ordinary run asks one command for all")
def test_s7_every_process_refuses_alike(tmp_path: Path, figure: Figure) -> None:
    placeholder = "changeme" * 8
    environment = {**production(tmp_path), "SECRET_KEY": placeholder}
    serve = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", str(free_port()))
    commands = {
        "web": ("-m", "granian", *serve, "config.wsgi:application"),
        "worker": ("-m", "celery", "-A", "config.celery", "worker"),
        "schedule": ("-m", "celery", "-A", "config.celery", "beat", "--pidfile="),
        "relay": ("manage.py", "relay"),
        "migrate": ("manage.py", "migrate"),
    }
    ended = {name: run(environment, *command) for name, command in commands.items()}
    wrong = {
        name: said
        for name, (code, said) in ended.items()
        if code == 0 or "Configuration: SECRET_KEY" not in said or "Traceback" in said or placeholder in said
    }
    figure("S7", f"{len(commands)} processes with a placeholder for a key: {len(wrong)} start", target="0")
    assert wrong == {}
