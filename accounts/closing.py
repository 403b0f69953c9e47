"""Closing an account: everybody who holds something of the reader lets go first, then we forget who it was.

The row stays, without a name, because what tax law keeps (invoices, in `billing`) hangs on it.
"""

from __future__ import annotations

from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Q

from accounts.errors import StaffStay
from accounts.models import CLOSED, KnownDevice, Mail, Session, User
from accounts.signals import reader_closed, reader_closing, shut_out


def close(reader: User, *, now: datetime) -> None:
    """Close the account of `reader`. May be repeated: after a failure half-way, and after it is done.

    `reader_closing` is sent first and outside of any transaction, so that billing can end what runs at Stripe; a
    receiver that raises leaves the account as it was. `reader_closed` follows when nobody can sign in any more, for
    what somebody began meanwhile; its receivers do not raise.

    :raises StaffStay: the account belongs to a member of staff.
    """
    if reader.is_staff:
        raise StaffStay("An administrator has to end a staff account.")
    reader_closing.send(sender=User, reader=reader, now=now)
    with transaction.atomic():
        kept = User.objects.select_for_update().get(pk=reader.pk)
        _forget_ways_in(kept)
        _forget_what_we_wrote(kept)
        _forget_the_name(kept)
        shut_out.send(sender=User, reader=kept)
    reader_closed.send(sender=User, reader=kept, now=now)


def _forget_ways_in(reader: User) -> None:
    Session.objects.filter(reader=reader).delete()
    KnownDevice.objects.filter(reader=reader).delete()
    Authenticator.objects.filter(user=reader).delete()
    EmailAddress.objects.filter(user=reader).delete()


def _forget_what_we_wrote(reader: User) -> None:
    Mail.objects.filter(Q(reader=reader) | Q(to=reader.email)).delete()
    about_the_reader = LogEntry.objects.filter(
        content_type=ContentType.objects.get_for_model(User), object_id=str(reader.pk)
    )
    about_the_reader.update(object_repr=reader.public_id)


def _forget_the_name(reader: User) -> None:
    reader.email = f"{reader.public_id}@{CLOSED}"
    reader.language = ""
    reader.is_active = False
    reader.last_login = None
    reader.set_unusable_password()
    reader.save()
    reader.groups.clear()
    reader.user_permissions.clear()
