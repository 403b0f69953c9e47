"""Who gets what: the written expectation for every route, every role and every method.

One letter per method, in the order of `METHODS` (GET HEAD POST PUT PATCH DELETE OPTIONS):

    y  answered: done, or refused for what was asked and not for who asked (2xx, a redirect, 400, 409)
    s  sign in first (401, 410 to an app whose token is none, a redirect to the login page)
    r  prove again who you are (a redirect to the page for that)
    n  not for you (403)
    0  nothing there (404)
    -  no such method (405)

A row says what a stranger, a reader and a site get. Staff who are not named are readers. Whoever is blocked is a
stranger. Credentials that are not valid are `s` wherever the API is served, whatever was asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

ALL, NOT_ME, LOG_IN, NOTHING, LOOK = "yyyyyyy", "nnnnnnn", "sssssss", "0000000", "yy----y"

# Who of the town plays which role; whoever is not named here is a reader.
STRANGERS = (
    "stranger", "stranger who names a reader", "Googlebot by its own word", "forged headers", "blocked",
)  # fmt: skip
SITES = ("site", "site for another reader", "site for a blocked reader")
_STAFF = ("support", "editor", "superuser")
_NOT_VALID = ("wrong token", "wrong bearer", "wrong key")


@dataclass(frozen=True, slots=True)
class Row:
    """What each role gets from one route; what is left out is as for a stranger."""

    stranger: str
    reader: str = ""
    site: str = ""
    special: Mapping[str, str] = field(default_factory=dict)  # by caller, where one differs from their role

    def of(self, caller: str) -> str:
        """Return the seven letters of a caller."""
        if caller in self.special:
            return self.special[caller]
        if caller in STRANGERS:
            return self.stranger
        return (self.site if caller in SITES else self.reader) or self.stranger


def _everybody(letters: str) -> Row:
    return Row(letters)


def _page(letters: str, *, kept_out: str = LOG_IN, **special: str) -> Row:
    """A page for readers: everybody else signs in first."""
    return Row(kept_out, letters, special={name.replace("_", " "): what for name, what in special.items()})


def _for_readers(letters: str) -> Row:
    """A call of the API for readers, by cookie or token; a site's key does not stand for one."""
    return Row(LOG_IN, letters, NOT_ME)


def _for_sites(letters: str) -> Row:
    return Row(LOG_IN, NOT_ME, letters)


_WITHOUT_RIGHTS = ("reader", "lapsed", "card failed", "wrong plan", *SITES[1:])
# Ben, the other subscriber, has a second factor: what is close to it asks him to prove again who he is.
_AGAIN = {"other subscriber": "rrrrrrr"}

PAGES: Mapping[str, Row] = {
    "home": _everybody(ALL),
    "set_language": _everybody(ALL),
    "/.well-known/change-password": _everybody(ALL),
    "docs": _everybody("yy-----"),
    "paywall:jwks": _everybody("yy-----"),
    "health-live": _everybody(ALL),
    "health-ready": _everybody(ALL),
    "billing:webhook": _everybody("--y----"),
    # Signing in and up: who is signed in is led away from these.
    "account_login": Row("yyyy--y", ALL),
    "account_signup": Row("yyyy--y", ALL),
    "account_request_login_code": Row("yyyy--y", ALL),
    "mfa_login_webauthn": Row("ssss--y", ALL),
    "/account/login/code/confirm/": _everybody(ALL),
    "/account/confirm-email/": _page(ALL),
    "mfa_authenticate": _page(ALL),
    "paywall:institution": _everybody(LOOK),
    "account_logout": Row("ssy---y", "yyy---y"),
    "account_inactive": _everybody(LOOK),
    "account_reset_password": _everybody("yyyy--y"),
    "/account/password/reset/confirm/": _everybody(LOG_IN),
    "account_complete_password_reset": _everybody(ALL),
    "account_password_reset_completed": _everybody(LOOK),
    # The account. A reader without a password or a second factor has nothing to prove again with (403).
    "account_change_password": _page(ALL),
    "account_set_password": _page("yyyy--y"),
    "account_email": _page("yyyy--y"),
    "account_sessions": _page("yyy---y"),
    "account_reauthenticate": _page(NOT_ME, other_subscriber="rrrrrrr"),
    "mfa_reauthenticate": _page(NOT_ME, other_subscriber="yyyy--y"),
    "mfa_reauthenticate_webauthn": _page(NOT_ME, other_subscriber="rrrrrrr"),
    "mfa_index": _page(LOOK),
    "mfa_list_webauthn": _page(LOOK),
    "mfa_activate_totp": Row(LOG_IN, "yyyy--y", special=_AGAIN),
    "mfa_deactivate_totp": Row(LOG_IN, NOTHING, special=_AGAIN),
    "mfa_add_webauthn": Row(LOG_IN, "yyyy--y", special=_AGAIN),
    "mfa_edit_webauthn": Row(LOG_IN, "0000--y", special=_AGAIN),
    "mfa_remove_webauthn": Row(LOG_IN, "000--0y", special=_AGAIN),
    "mfa_view_recovery_codes": _page("00----y", other_subscriber="rr----y"),
    "mfa_download_recovery_codes": Row(LOG_IN, NOTHING, special=_AGAIN),
    "mfa_generate_recovery_codes": Row(LOG_IN, "yyyy--y", special=_AGAIN),
    # Money.
    "billing:subscription": _page("yy-----", kept_out="ss-----"),
    "billing:invoices": _page("yy-----", kept_out="ss-----"),
    "billing:subscribe": _page("yyy----", kept_out="sss----"),
    "billing:card": _page("yyy----", kept_out="sss----"),
    "billing:cancel": _page("yyy----", kept_out="sss----"),
    "billing:resume": _page("--y----", kept_out="--s----"),
    "billing:change": _page("yyy----", kept_out="sss----"),
    "billing:come-back": _page("yyy----", kept_out="sss----"),
    "billing:pause": _page("yyy----", kept_out="sss----"),
    "billing:return": _page("0------", kept_out="s------"),
    # By the secret in a mail; here nobody has one. The way back from the form says so much to everybody.
    "billing:fix": _everybody("000----"),
    "billing:fixed": _everybody("yy-----"),
    "billing:confirm-payment": _page("y------", kept_out="s------"),
    # Whoever has no group, or no such seat, is told so.
    "billing:group": _page("yyy----", kept_out="sss----"),
    "billing:group-remove": _page("--y----", kept_out="--s----"),
    "billing:leave": _page("--y----", kept_out="--s----"),
    # To whoever has the token; nobody has this one.
    "billing:join": _everybody("000----"),
    # Giving needs no account, and its page is known by its address alone; nobody has that either.
    "billing:give": _everybody("yyy----"),
    "billing:present": _everybody("00-----"),
    "billing:redeem": _page("yyy----", kept_out="sss----"),
}

API: Mapping[str, Row] = {
    "schema": _everybody(LOOK),
    "session": _everybody(LOOK),
    "me": Row(LOG_IN, "-----yy", NOT_ME, dict.fromkeys(_STAFF, "-----ny")),
    "paywall:access": _everybody(LOOK),
    "paywall:markup": _everybody(LOOK),
    "paywall:read": _everybody("--y---y"),
    "paywall:batch": _everybody("--y---y"),
    # Who holds no right to the article is refused; where signing in might help, it is asked for.
    "paywall:check": Row("ss----y", "yy----y", special=dict.fromkeys(_WITHOUT_RIGHTS, "nn----y")),
    "paywall:article": Row("yy-s-sy", "yy-n-ny", "yy-y-yy"),
    # On what a reader holds; a site says on whose.
    "paywall:token": Row("--s---y", "--y---y", "--n---y", {SITES[1]: "--y---y"}),
    "paywall:epochs": _for_sites(LOOK),
    "paywall:articles": _for_sites(LOOK),
    # Whoever may not give is refused for what was asked (409); another's gift is not there.
    "paywall:give": _for_readers("--y---y"),
    "paywall:gifts": _for_readers(LOOK),
    "paywall:gift": Row(LOG_IN, "-----0y", NOT_ME, {"other subscriber": "-----yy"}),
    "paywall:explain": _for_sites(LOOK),
    "paywall:perspectives": _for_sites(LOOK),
    "paywall:timeline": _for_sites(LOOK),
    "billing:api-plans": _everybody(LOOK),
    "billing:api-subscription": _for_readers(LOOK),
    "billing:api-invoices": _for_readers(LOOK),
    "billing:api-checkout": _for_readers("--y---y"),
    "billing:api-cancel": _for_readers("--y---y"),
    "billing:api-resume": _for_readers("--y---y"),
    "billing:api-change": _for_readers("--y---y"),
    "billing:api-return": _for_readers("--y---y"),
    "billing:api-pause": _for_readers("--y---y"),
    "billing:api-card": _for_readers("--y---y"),
    # Who has no such group, place or membership is refused for what was asked (409), also where it is another's.
    "billing:api-group": _for_readers(LOOK),
    "billing:api-group-invitations": _for_readers("--y---y"),
    "billing:api-group-place": _for_readers("-----yy"),
    "billing:api-group-memberships": _for_readers("--y---y"),
    "billing:api-group-membership": _for_readers("-----yy"),
    "billing:api-redeem": _for_readers("--y---y"),
}

# allauth's API, twice: by cookie (browser) and by token (app). In a browser a reader is known, to the app's half of it
# a cookie means nothing. `-yyyyyy`: the input is looked at before the method.
_OPEN = "-yyyyyy"
_BY_MAIL = "--y---y"
HEADLESS: Mapping[str, tuple[Row, Row]] = {
    name: (browser, app or Row(browser.stranger))
    for name, browser, app in (
        ("config", _everybody(LOOK), None),
        ("auth-session", Row("ss---sy", "yy---sy"), None),
        ("auth-signup", _everybody(_BY_MAIL), None),
        ("auth-login", _everybody(_OPEN), None),
        ("auth-code-request", _everybody(_OPEN), None),
        ("auth-code-confirm", _everybody(ALL), None),
        ("auth-code-resend", _everybody(_BY_MAIL), None),
        ("auth-email-verify", _everybody(ALL), None),
        ("auth-email-verify-resend", _everybody(_BY_MAIL), None),
        ("auth-password-request", _everybody(_OPEN), None),
        ("auth-password-reset", _everybody(ALL), None),
        ("auth-reauthenticate", _page(_OPEN), None),
        ("auth-2fa-authenticate", _everybody(LOG_IN), None),
        ("auth-2fa-reauthenticate", _page(_OPEN), None),
        ("auth-webauthn-login", _everybody("yyy---y"), None),
        ("auth-webauthn-authenticate", _everybody(LOG_IN), None),
        ("auth-webauthn-reauthenticate", _page("yyy---y"), None),
        ("auth-sessions", _page("yy---yy"), None),
        ("account-email", Row("ssyssss", ALL), None),
        ("account-password-change", _page(_OPEN), None),
        ("account-authenticators", _page(LOOK), None),
        ("account-authenticators-totp", _page("00y--yy", other_subscriber="yyy--sy"), None),
        ("account-authenticators-recovery-codes", _page("0yyyyyy", other_subscriber="sss---y"), None),
        ("account-authenticators-webauthn", _page("yyyy-yy", other_subscriber="ssyy-yy"), None),
    )
}
SPECIFICATION: Mapping[str, Row] = {
    "headless:openapi_json": _everybody(LOOK),
    "headless:openapi_yaml": _everybody(LOOK),
}

# The admin, for which only staff sign in: what support (no rights), an editor (may look) and a superuser get.
_DESK = tuple[str, str, str]
_ADMIN: Mapping[str, _DESK] = {
    "index": (ALL, ALL, ALL),
    "password_change": ("yyyy--y",) * 3,
    "password_change_done": (LOOK,) * 3,
    "jsi18n": (LOOK,) * 3,
    "autocomplete": ("nn----y",) * 3,
    "view_on_site": (NOTHING,) * 3,
    "app_list": (NOTHING, ALL, ALL),
    "/admin/<url>": (NOTHING,) * 3,
    "paywall_explain": (NOT_ME, ALL, ALL),
    "paywall_institution_usage": (NOT_ME, ALL, ALL),
    "billing_revenue": (NOT_ME, ALL, ALL),
}
# By kind of page: of what nobody may change, of what those may change who have the right to.
_MIRRORED: Mapping[str, _DESK] = {
    "changelist": (NOT_ME, ALL, ALL),
    "history": (NOT_ME, ALL, ALL),
    "object": (ALL, ALL, ALL),  # leads to `change`
    "change": (NOT_ME, "yynyyyy", "yynyyyy"),
    "add": (NOT_ME, NOT_ME, NOT_ME),
    "delete": (NOT_ME, NOT_ME, NOT_ME),
}
_EDITED = {"change": (NOT_ME, "yynyyyy", ALL)}
_ADDED = {"add": (NOT_ME, NOT_ME, ALL)}
_DELETED = {"delete": (NOT_ME, NOT_ME, ALL)}
_MORE_THAN_MIRRORED: Mapping[str, Mapping[str, _DESK]] = {
    "accounts_user": {**_EDITED, **_ADDED},
    "billing_comp": _ADDED,
    "auth_group": {**_EDITED, **_ADDED, **_DELETED},
    "billing_plan": {"state": (NOT_ME, NOT_ME, ALL)},
    "mfa_authenticator": _DELETED,
    "billing_alert": {"close": (NOT_ME, NOT_ME, ALL)},
    "billing_invoice": {"refund": (NOT_ME, NOT_ME, ALL)},
    "paywall_article": {"perspectives": (NOT_ME, ALL, ALL)},
    "paywall_crawlerpolicy": {**_EDITED, **_ADDED, **_DELETED},
    "paywall_institution": {**_EDITED, **_ADDED, **_DELETED},
    "paywall_product": {**_EDITED, **_ADDED},
    "paywall_ruleset": {**_EDITED, **_ADDED, **_DELETED, "publish": (NOT_ME, NOT_ME, ALL)},
}
_MODELS = (
    "accounts_mail", "accounts_session", "accounts_user", "auth_group", "billing_alert", "billing_billedtime",
    "billing_checkoutattempt", "billing_comp", "billing_cursor", "billing_customer", "billing_daypass",
    "billing_dispute", "billing_invoice", "billing_openproduct", "billing_outboundcall", "billing_paymentmethod",
    "billing_plan", "billing_present", "billing_price", "billing_reconcilerun", "billing_refund",
    "billing_refundorder", "billing_seat", "billing_stripeevent", "billing_subscription", "mfa_authenticator",
    "paywall_article", "paywall_crawlerlist", "paywall_crawlerpolicy", "paywall_crawlerproof", "paywall_entitlement",
    "paywall_gift", "paywall_institution", "paywall_product", "paywall_ruleset", "paywall_signingkey",
)  # fmt: skip


def _desk(letters: _DESK) -> Row:
    return Row(LOG_IN, special=dict(zip(_STAFF, letters, strict=True)))


def _admin() -> dict[str, Row]:
    rows = {
        name if name.startswith("/") else f"admin:{name}": _desk(letters) for name, letters in _ADMIN.items()
    }
    # The way in and the way out: who is signed in and no member of staff is told so.
    rows["admin:logout"] = Row(ALL, special=dict.fromkeys(_STAFF, "--s---y"))
    rows["admin:login"] = Row(LOG_IN, NOT_ME, special=dict.fromkeys(_STAFF, "yyyy--y"))
    for model in _MODELS:
        for kind, letters in {**_MIRRORED, **_MORE_THAN_MIRRORED.get(model, {})}.items():
            path = f"/admin/{model.replace('_', '/')}/<object_id>/"
            rows[path if kind == "object" else f"admin:{model}_{kind}"] = _desk(letters)
    return rows


@cache
def rows() -> dict[str, Row]:
    """Return the whole table, by the name of the route."""
    halves = {
        f"headless:{half}:{name}": row
        for name, both in HEADLESS.items()
        for half, row in zip(("browser", "app"), both, strict=True)
    }
    return {**PAGES, **API, **halves, **SPECIFICATION, **_admin()}


# What a browser may send without a CSRF token: Stripe's news, which are signed; what a secret in the form lets in; what
# goes by header alone.
WITHOUT_CSRF = ("billing:webhook", "billing:fix", "headless:app:")
# And what a browser may send in which nobody is signed in: it changes nothing.
WITHOUT_CSRF_OR_SESSION = ("paywall:read", "paywall:batch")


def expected(name: str, caller: str) -> str:
    """Return what a caller of the town gets from a route, one letter per method.

    :raises KeyError: nobody wrote it down.
    """
    row = rows()[name]
    if caller not in _NOT_VALID:
        return row.of(caller)
    is_for_tokens = name.startswith("headless:app:") and caller != "wrong key"
    is_ours = name in API and name != "schema"
    return LOG_IN if is_for_tokens or is_ours else row.of("stranger")
