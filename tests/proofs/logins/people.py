"""Two people at their browsers and apps: one owns an address and can read its mail, the other only knows it."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from tests.accounts.mailbox import kinds, last_code

LOGIN, CODE = "/account/login/", "/account/login/code/confirm/"
SIGNUP, PROVE = "/account/signup/", "/account/confirm-email/"
RESET, CONFIRM, COMPLETE = (
    "/account/password/reset/",
    "/account/password/reset/confirm/",
    "/account/password/reset/complete/",
)
NEW = "a battery of the owner's own"


@dataclass
class Person:
    """Somebody with a browser and an app."""

    network: str
    browser: Client = field(init=False)
    token: str = ""

    def __post_init__(self) -> None:
        self.browser = Client(REMOTE_ADDR=self.network)

    def app(self, method: str, path: str, **body: str) -> Any:
        """Call allauth's API as an app does; keep the token that it hands out."""
        answer = Client(REMOTE_ADDR=self.network).generic(
            method,
            f"/_allauth/app/v1/{path}",
            "" if method == "GET" else json.dumps(body),
            content_type="application/json",
            headers={"X-Session-Token": self.token} if self.token else {},
        )
        told = answer.json() if answer.content else {}
        self.token = told.get("meta", {}).get("session_token", self.token)
        return answer

    def is_in(self) -> set[str]:
        """Return the addresses of the accounts that browser or app are signed in to."""
        answers = [self.browser.get("/api/v1/session")]
        if self.token:
            answers.append(Client().get("/api/v1/session", headers={"X-Session-Token": self.token}))
        readers = [answer.json().get("reader") for answer in answers]
        return {reader["email"] for reader in readers if reader}


def proves_by_code(owner: Person, email: str) -> None:
    """Sign in with a mailed code."""
    owner.browser.post(LOGIN, {"login": email})
    owner.browser.post(CODE, {"code": last_code(email)})


def proves_by_code_in_the_app(owner: Person, email: str) -> None:
    """Sign in with a mailed code, in the app."""
    owner.app("POST", "auth/code/request", email=email)
    owner.app("POST", "auth/code/confirm", code=last_code(email))


def proves_by_reset(owner: Person, email: str) -> None:
    """Set a password with a mailed code, then sign in with it."""
    owner.browser.post(RESET, {"email": email})
    owner.browser.post(CONFIRM, {"code": last_code(email)})
    owner.browser.post(COMPLETE, {"password1": NEW, "password2": NEW})
    owner.browser.post(LOGIN, {"login": email, "password": NEW})


def proves_by_reset_in_the_app(owner: Person, email: str) -> None:
    """Set a password with a mailed code, then sign in with it, in the app."""
    owner.app("POST", "auth/password/request", email=email)
    owner.app("POST", "auth/password/reset", key=last_code(email), password=NEW)
    owner.app("POST", "auth/login", email=email, password=NEW)


def proves_by_signing_up(owner: Person, email: str) -> None:
    """Sign up, as whoever knows nothing of what happened before."""
    owner.browser.post(SIGNUP, {"email": email})
    if _has_one_already(email):
        owner.browser.post("/account/logout/")  # "start over" on that page
        proves_by_code(owner, email)
    else:
        owner.browser.post(PROVE, {"code": last_code(email)})


def proves_by_signing_up_in_the_app(owner: Person, email: str) -> None:
    """Sign up in the app."""
    owner.app("POST", "auth/signup", email=email)
    if _has_one_already(email):
        owner.token = ""
        proves_by_code_in_the_app(owner, email)
    else:
        owner.app("POST", "auth/email/verify", key=last_code(email))


def _has_one_already(email: str) -> bool:
    """Whether the latest mail says to sign in instead."""
    return kinds(email)[-1] == "account_already_exists"
