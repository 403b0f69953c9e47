"""Who is asking: the first step of every request, and the only place that answers the question.

A reader is known by the session (cookie or token), a device by a signed value in a first-party cookie or in
`X-Device-Id`, a site by its key, a network by the address that the last of our own proxies saw. Nothing here is trusted
because a client said so.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass

from allauth.core.internal.httpkit import clean_client_ip
from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request

from accounts.errors import AddressUnreadable, ReaderUnknown
from accounts.models import User

_DEVICE_META = "HTTP_X_DEVICE_ID"  # as WSGI names `X-Device-Id`
# What a site, which asks from an address of its own, may say of the reader it asks for.
READER_ADDRESS_HEADER = "X-Reader-Address"
READER_AGENT_HEADER = "X-Reader-Agent"
# Browsers keep no cookie for longer.
_DEVICE_COOKIE_AGE = 400 * 24 * 3600


@dataclass(frozen=True, slots=True)
class SiteKey:
    """The credential of a site backend that acts for itself; `name` is the one given in `SITE_API_KEYS`."""

    name: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Whoever asked.

    `device` is a stable opaque id to count by; `device_token` is its signed form, the only one that is ever handed
    out; `set_device` says that the device is new and the answer should hand it out (`remember`). `network` is the
    network address from which the reader comes, None where that is not known; `agent` is what the client calls itself.
    """

    reader: User | None
    device: str | None = None
    site: str | None = None
    device_token: str | None = None
    set_device: bool = False
    network: str | None = None
    agent: str = ""

    @property
    def has_no_past(self) -> bool:
        """Whether nothing can be known of whoever asks: no reader, on a device handed out with this very answer."""
        return self.reader is None and self.set_device


def of(request: HttpRequest | Request) -> Identity:
    """Return who is asking. A site may name a reader with `?reader=<public id>`; nobody else can.

    A site lends nobody its own network address: it states the reader's in `X-Reader-Address`, or there is none.
    Likewise it says in `X-Reader-Agent` what the reader's client calls itself.
    Asked twice for one request, the answer is the same, a new device included.

    :raises ReaderUnknown: a site named a reader whom we do not have.
    :raises AddressUnreadable: a site stated something that is no network address.
    """
    plain = request._request if isinstance(request, Request) else request  # noqa: SLF001  DRF has no public name
    site = request.auth if isinstance(request, Request) and isinstance(request.auth, SiteKey) else None
    if site is not None:
        token, device = _presented_device(plain)
        reader = _named_reader(plain)
        return Identity(
            reader,
            device=device,
            site=site.name,
            device_token=token,
            network=_stated_network(plain),
            agent=plain.headers.get(READER_AGENT_HEADER, ""),
        )
    reader = request.user if isinstance(request.user, User) else None
    token, device = _presented_device(plain)
    is_new = token is None
    if is_new:
        token, device = _new_device(plain)
    return Identity(
        reader,
        device=device,
        device_token=token,
        set_device=is_new,
        network=network_of(plain),
        agent=plain.META.get("HTTP_USER_AGENT", ""),
    )


def network_of(request: HttpRequest) -> str | None:
    """Return the network address of whoever asks, believing only so many proxies as are ours.

    None where the server cannot tell: a unix socket without a proxy in front.
    """
    proxies = settings.TRUSTED_PROXIES
    hops = hops_of(request)
    address = hops[-min(proxies, len(hops))] if proxies and hops else request.META.get("REMOTE_ADDR", "")
    return clean_client_ip(address) if address else None


def hops_of(request: HttpRequest) -> list[str]:
    """Return the addresses that proxies, ours and others, say they were asked from; the nearest to us comes last."""
    return [hop for hop in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if hop.strip()]


def presented_device(request: HttpRequest) -> str | None:
    """Return the id of the device that `request` comes from if we gave it out before; never makes a new one."""
    return _presented_device(request)[1]


def remember(response: HttpResponseBase, identity: Identity) -> None:
    """Hand a new device its cookie; does nothing for one that is known."""
    if not identity.set_device or identity.device_token is None:
        return
    response.set_cookie(
        settings.DEVICE_COOKIE_NAME,
        identity.device_token,
        max_age=_DEVICE_COOKIE_AGE,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _signer() -> signing.Signer:
    return signing.Signer(salt="accounts.device")


def _presented_device(request: HttpRequest) -> tuple[str | None, str | None]:
    """Return the device token of the request, and the id in it, if we signed it; a made-up one counts as none."""
    for token in (request.META.get(_DEVICE_META), request.COOKIES.get(settings.DEVICE_COOKIE_NAME)):
        device = _device_id(token)
        if device is not None:
            return token, device
    return None, None


def _device_id(token: str | None) -> str | None:
    try:
        return _signer().unsign(token) if token else None
    except signing.BadSignature:
        return None


def _new_device(request: HttpRequest) -> tuple[str, str]:
    made: tuple[str, str] | None = getattr(request, "_paywall_new_device", None)
    if made is None:
        device = secrets.token_urlsafe(16)
        made = _signer().sign(device), device
        request._paywall_new_device = made  # type: ignore[attr-defined]  # noqa: SLF001  a note of ours
    return made


def _stated_network(request: HttpRequest) -> str | None:
    stated = request.headers.get(READER_ADDRESS_HEADER, "").strip()
    if not stated:
        return None
    try:
        return str(ipaddress.ip_address(stated))
    except ValueError as error:
        raise AddressUnreadable(f"{READER_ADDRESS_HEADER} is not a network address.") from error


def _named_reader(request: HttpRequest) -> User | None:
    public_id = request.GET.get("reader")
    if public_id is None:
        return None
    reader = User.objects.filter(public_id=public_id).first()
    if reader is None:
        raise ReaderUnknown(f"There is no reader {public_id[:40]!r}.")
    return reader
