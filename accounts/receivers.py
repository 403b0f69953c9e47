"""What follows from signing in, from proving an address and from changing it."""

from __future__ import annotations

from typing import Any

from allauth.account import signals as allauth_signals
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.core.internal.httpkit import is_headless_request
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_in
from django.core.signals import request_finished
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from accounts import afterwards, clock, identity, languages, sessions, shelf, signals
from accounts.models import KnownDevice, Session, User


@receiver(request_finished, dispatch_uid="accounts.catch_up")
def catch_up(**_: Any) -> None:
    """Do what requests leave until their answer has gone out."""
    afterwards.catch_up()


@receiver((post_save, post_delete), sender=Session, dispatch_uid="accounts.void_of_session")
def void_of_session(*, instance: Session, **_: Any) -> None:
    """Keep nothing of a reader by a session that began, changed or ended."""
    if instance.reader_id is not None:
        shelf.turn(shelf.of_reader(instance.reader_id))


@receiver(post_save, sender=User, dispatch_uid="accounts.void_of_reader")
def void_of_reader(*, instance: User, **_: Any) -> None:
    """Keep nothing of a reader whose account changed: blocked, made staff, another password or language."""
    shelf.turn(shelf.of_reader(instance.pk))


@receiver(user_logged_in, dispatch_uid="accounts.note_sign_in")
def note_sign_in(request: HttpRequest, **_: Any) -> None:
    """Keep when and from where a session was signed in to, for the reader's own list."""
    adapter = get_adapter(request)
    sessions.note_sign_in(
        request.session,
        ip=adapter.get_client_ip(request),
        user_agent=adapter.get_http_user_agent(request),
        now=clock.now(),
    )


@receiver(allauth_signals.user_logged_in, dispatch_uid="accounts.know_device")
def know_device(request: HttpRequest, response: HttpResponseBase, user: User, **_: Any) -> None:
    """Know the device again: a stranger's failed guesses will not count against it."""
    who = identity.of(request)
    if who.device is None or (who.set_device and is_headless_request(request)):
        return
    KnownDevice.objects.update_or_create(
        reader=user, device=who.device, defaults={"last_signed_in_at": clock.now()}
    )
    identity.remember(response, who)


@receiver(allauth_signals.user_logged_in, dispatch_uid="accounts.settle_language")
def settle_language(request: HttpRequest, response: HttpResponseBase, user: User, **_: Any) -> None:
    """Speak the language that the reader chose last."""
    languages.settle(request, response, user)


@receiver(allauth_signals.password_changed, dispatch_uid="accounts.shut_out_by_change")
@receiver(allauth_signals.password_set, dispatch_uid="accounts.shut_out_by_first")
@receiver(allauth_signals.password_reset, dispatch_uid="accounts.shut_out_by_reset")
def on_new_password(user: User, **_: Any) -> None:
    """Tell whoever handed something out to this reader: sessions end by themselves with the old password."""
    signals.shut_out.send(sender=User, reader=user)


@receiver(allauth_signals.email_confirmed, dispatch_uid="accounts.first_proof")
def on_first_proof(request: HttpRequest, email_address: EmailAddress, **_: Any) -> None:
    """Take from whoever set the account up before its address was proven every way back in."""
    reader = email_address.user
    if reader.emailaddress_set.filter(verified=True).exclude(pk=email_address.pk).exists():
        return
    if reader.has_usable_password():
        reader.set_unusable_password()
        reader.save(update_fields=["password"])
    Authenticator.objects.filter(user=reader).delete()
    # Its limits are wider. The device of this very sign-in is known again once it is done.
    KnownDevice.objects.filter(reader=reader).delete()
    sessions.end_others(reader, but=request.session)


@receiver(allauth_signals.email_changed, dispatch_uid="accounts.email_changed")
def on_email_changed(user: User, **_: Any) -> None:
    """Pass the news of a changed address upwards."""
    signals.email_changed.send(sender=User, reader=user, now=clock.now())
