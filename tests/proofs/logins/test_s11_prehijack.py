"""The proof that an account prepared by somebody else never becomes a way into its owner's account.

A stranger who knows an address prepares what can be prepared; its owner proves it, in each way there is; then the
stranger tries everything. The kinds are those of the study that named the attack, as far as we have them: classic
(a password), unexpired session, unexpired change of address, trojan identifier, and a change that verifies nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.conf import settings
from django.core.cache import cache

from accounts import identity, sessions
from accounts.models import KnownDevice, Mail, User
from accounts.session_store import Door, SessionStore
from tests.accounts.mailbox import last_code
from tests.factories.accounts import a_reader
from tests.proofs.conftest import Figure
from tests.proofs.extent import IS_FULL
from tests.proofs.logins import people
from tests.proofs.logins.people import CODE, COMPLETE, CONFIRM, LOGIN, PROVE, RESET, SIGNUP, Person

VICTIM, STRANGERS = "victim@example.org", "stranger@example.org"
KNOWN = "known to the stranger"

Prepare = Callable[[Person], None]
Prove = Callable[[Person, str], None]

WAYS: list[Prove] = [
    people.proves_by_code,
    people.proves_by_code_in_the_app,
    people.proves_by_reset,
    people.proves_by_reset_in_the_app,
    people.proves_by_signing_up,
    people.proves_by_signing_up_in_the_app,
]

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


def signs_up_with_a_password(stranger: Person) -> None:
    """Sign up with the victim's address, and with a password in every field that might take one."""
    words = dict.fromkeys(("password", "password1", "password2"), KNOWN)
    stranger.browser.post(SIGNUP, {"email": VICTIM, **words})
    stranger.app("POST", "auth/signup", email=VICTIM, **words)


def has_an_old_password(stranger: Person) -> None:
    """Have an account from before, with a password, under an address that was never proven (an import, a shop)."""
    _unproven(password=KNOWN)


def has_sessions(stranger: Person) -> None:
    """Be signed in to the unproven account, in browser and app, on a device that we know; no password ends that."""
    _is_signed_in(stranger, _unproven(password=None))


def began_to_change_the_address(stranger: Person) -> None:
    """Ask, signed in to the unproven account, to change to the stranger's own address; keep the code for later."""
    has_sessions(stranger)
    stranger.browser.post("/account/email/", {"email": STRANGERS, "action_add": ""})
    stranger.app("POST", "account/email", email=STRANGERS)


def set_up_second_factors(stranger: Person) -> None:
    """Leave an authenticator app, recovery codes and a passkey behind."""
    reader = _unproven(password=KNOWN)
    TOTP.activate(reader, generate_totp_secret())
    RecoveryCodes.activate(reader)
    Authenticator.objects.create(user=reader, type=Authenticator.Type.WEBAUTHN, data={})
    _is_signed_in(stranger, reader)


def left_a_second_address(stranger: Person) -> None:
    """Leave an address of their own, unproven, beside the victim's."""
    reader = _unproven(password=KNOWN)
    EmailAddress.objects.create(user=reader, email=STRANGERS, primary=False, verified=False)
    _is_signed_in(stranger, reader)


def waits_at_every_door(stranger: Person) -> None:
    """Ask for a code to sign in, to set a password, to prove the address, and wait with all of them open."""
    stranger.browser.post(SIGNUP, {"email": VICTIM})
    stranger.browser.post(RESET, {"email": VICTIM})
    stranger.app("POST", "auth/signup", email=VICTIM)
    stranger.app("POST", "auth/password/request", email=VICTIM)


def wants_the_address_for_their_own_account(stranger: Person) -> None:
    """Ask, with an account of their own, to change to the victim's address."""
    _is_signed_in(stranger, a_reader(STRANGERS, password=KNOWN))
    stranger.browser.post("/account/email/", {"email": VICTIM, "action_add": ""})
    stranger.app("POST", "account/email", email=VICTIM)


def signs_up_with_an_address_that_is_proven(stranger: Person) -> None:
    """Sign up with the address of somebody who has been here for long."""
    a_reader(VICTIM)
    signs_up_with_a_password(stranger)


SCENARIOS: dict[Prepare, list[Prove]] = {
    has_sessions: WAYS,
    has_an_old_password: WAYS,
    signs_up_with_a_password: WAYS,
    began_to_change_the_address: WAYS,
    set_up_second_factors: WAYS,
    left_a_second_address: WAYS,
    waits_at_every_door: WAYS,
    signs_up_with_an_address_that_is_proven: WAYS,
    # There is no account yet, so the owner can but sign up.
    wants_the_address_for_their_own_account: [
        people.proves_by_signing_up,
        people.proves_by_signing_up_in_the_app,
    ],
}


def test_s11_nobody_is_waiting_in_an_account_when_its_owner_comes(figure: Figure) -> None:
    got_in, shut_out, tried = list[str](), list[str](), 0
    for number, (prepare, ways) in enumerate(SCENARIOS.items()):
        for prove in ways if IS_FULL else [ways[number % len(ways)]]:
            _start_over()
            stranger, owner = Person("203.0.113.66"), Person("198.51.100.7")
            prepare(stranger)
            prove(owner, VICTIM)
            tried += 1
            name = f"{prepare.__name__}, owner {prove.__name__}"
            if owner.is_in() != {VICTIM}:
                shut_out.append(name)
            account = User.objects.get(email=VICTIM)
            got_in += [f"{name}: {how}" for how in _ways_in(stranger, account)]
    figure(
        "S11",
        f"{len(SCENARIOS)} preparations x up to {len(WAYS)} ways to prove ({tried}): {len(got_in)} got a stranger in, "
        f"{len(shut_out)} kept the owner out",
        target="0, 0",
    )
    assert not got_in, got_in
    assert not shut_out, shut_out


def test_s11_a_reset_ends_what_somebody_else_has_open(figure: Figure) -> None:
    got_in = []
    for prove in (people.proves_by_reset, people.proves_by_reset_in_the_app):
        _start_over()
        stranger, owner = Person("203.0.113.66"), Person("198.51.100.7")
        _is_signed_in(stranger, a_reader(VICTIM, password=KNOWN))
        assert stranger.is_in() == {VICTIM}
        stranger.browser.post(LOGIN, {"login": VICTIM})
        prove(owner, VICTIM)
        assert owner.is_in() == {VICTIM}
        got_in += _ways_in(stranger, User.objects.get(email=VICTIM), but_a_device=True)
    figure("S11", f"a reset in 2 ways: {len(got_in)} sessions, passwords or processes outlive it", target="0")
    assert not got_in


@pytest.mark.parametrize("path", ["auth/code/request", "auth/password/request"])
def test_s11_a_wish_for_an_address_gives_its_owner_no_code_into_that_account(path: str) -> None:
    stranger = Person("203.0.113.66")
    wants_the_address_for_their_own_account(stranger)
    Mail.objects.all().delete()
    Person("198.51.100.7").app("POST", path, email=VICTIM)
    assert not Mail.objects.exists()


def test_s11_a_way_in_would_be_found() -> None:
    stranger = Person("203.0.113.66")
    set_up_second_factors(stranger)
    account = User.objects.get(email=VICTIM)
    account.vouch_for_email()
    found = " ".join(_ways_in(stranger, account))
    assert all(word in found for word in ("session", "password", "authenticator", "device"))


def _start_over() -> None:
    cache.clear()  # the limits of another story
    User.objects.all().delete()
    Mail.objects.all().delete()


def _unproven(*, password: str | None) -> User:
    reader = a_reader(VICTIM, password=password, proven=False)
    EmailAddress.objects.create(user=reader, email=VICTIM, primary=True, verified=False)
    return reader


def _is_signed_in(stranger: Person, reader: User) -> None:
    """Give the stranger sessions as versions of this service gave them that asked for no proof."""
    device = _device(stranger)
    KnownDevice.objects.create(reader=reader, device=device, last_signed_in_at=reader.date_joined)
    backend = settings.AUTHENTICATION_BACKENDS[0]
    stranger.browser.force_login(reader, backend=backend)
    store = SessionStore(door=Door.HEADER)
    store.update(stranger.browser.session.items())
    store.create()
    store.save()
    assert store.session_key is not None
    stranger.token = store.session_key
    assert sessions.by_token(stranger.token) is not None
    assert stranger.is_in() == {reader.email}


def _ways_in(stranger: Person, account: User, *, but_a_device: bool = False) -> list[str]:
    """Try everything; return what worked."""
    found = []
    if account.email in stranger.is_in():
        found.append("a session")
    for path, body in _resumed(stranger):
        stranger.browser.get(path)
        stranger.browser.post(path, body)
    for path, field in (
        ("auth/email/verify", "key"),
        ("auth/code/confirm", "code"),
        ("auth/password/reset", "key"),
    ):
        for code in _codes_of_the_stranger():
            stranger.app("POST", path, **{field: code, "password": KNOWN})
    if account.email in stranger.is_in():
        found.append("a process that was open")
    for person in (stranger, Person("203.0.113.67")):
        person.browser.post(LOGIN, {"login": account.email, "password": KNOWN})
        person.app("POST", "auth/login", email=account.email, password=KNOWN)
        if account.email in person.is_in():
            found.append("a password")
    account.refresh_from_db()
    found += ["another address"] if account.email != VICTIM else []
    found += ["an authenticator"] if Authenticator.objects.filter(user=account).exists() else []
    if EmailAddress.objects.filter(user=account).exclude(email=VICTIM).exists():
        found.append("a second address")
    if not but_a_device and KnownDevice.objects.filter(reader=account, device=_device(stranger)).exists():
        found.append("a known device")
    return found


def _device(person: Person) -> str | None:
    return identity._device_id(person.browser.get("/api/v1/session").json()["device"])


def _resumed(stranger: Person) -> list[tuple[str, dict[str, str]]]:
    """What a stranger with open processes can still send."""
    codes = _codes_of_the_stranger()
    words = {"password1": KNOWN, "password2": KNOWN}
    return [
        *[(path, {"code": code}) for path in (PROVE, CODE, CONFIRM) for code in codes],
        (COMPLETE, words),
        (LOGIN, {}),
        (SIGNUP, {}),
        ("/account/", {}),
        ("/account/password/set/", words),
        ("/account/email/", {"email": STRANGERS, "action_add": ""}),
        (PROVE, {"action": "resend"}),
        *[(PROVE, {"code": code}) for code in _codes_of_the_stranger()],
    ]


def _codes_of_the_stranger() -> list[str]:
    """Return the codes that the stranger can read: those mailed to the stranger, and one made up."""
    texts = Mail.objects.filter(to=STRANGERS).exclude(text="")
    return [
        *([last_code(STRANGERS)] if texts.filter(kind__contains="confirmation").exists() else []),
        "123456",
    ]
