"""Who readers are, where they are signed in, and the outbox of mails to them. No money, no articles here."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from importlib import import_module
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models, transaction
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

# Where the addresses of those live who closed their account.
CLOSED = "closed.invalid"


def new_public_id() -> str:
    """Return a fresh opaque id for a reader; says nothing about when or how many."""
    return f"rdr_{secrets.token_hex(12)}"


class UserManager(BaseUserManager["User"]):
    """Make readers and staff; addresses are stored lower-case."""

    def create_user(self, email: str, password: str | None = None, **fields: object) -> User:
        """Store a reader; without a password none will ever match."""
        if not email:
            raise ValueError("A reader needs an e-mail address.")
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> User:
        """Store a member of staff who may do everything; whoever runs this vouches for the address."""
        with transaction.atomic(using=self._db):
            user = self.create_user(email, password, **{**fields, "is_staff": True, "is_superuser": True})
            user.vouch_for_email()
        return user

    def closed(self) -> models.QuerySet[User]:
        """Return those who closed their account (see `accounts.closing`); who is merely blocked is none of them."""
        return self.filter(is_active=False, email__endswith=f"@{CLOSED}")

    def get_by_natural_key(self, username: str | None) -> User:
        """Find a reader by address in any letter case."""
        return self.get(email=(username or "").strip().lower())


class User(AbstractBaseUser, PermissionsMixin):
    """A reader (or a member of staff); the e-mail address is the name."""

    public_id = models.CharField(
        _("public id"), max_length=40, unique=True, default=new_public_id, editable=False
    )
    email = models.EmailField(_("e-mail address"), unique=True)
    language = models.CharField(_("language"), max_length=12, blank=True, default="")
    is_active = models.BooleanField(_("active"), default=True, help_text=_("Untick to block; never delete."))
    is_staff = models.BooleanField(_("staff"), default=False)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now, editable=False)

    objects = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("reader")
        verbose_name_plural = _("readers")
        constraints = [
            models.UniqueConstraint(Lower("email"), name="reader_email_unique_in_any_case"),
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="reader_email_is_lower_case"
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def email_is_proven(self) -> bool:
        """Whether this reader has shown that mail to the stored address reaches them. One query."""
        return bool(self._addresses.filter(email=self.email, verified=True).exists())

    def vouch_for_email(self) -> None:
        """Note the stored address as proven, for readers whom staff or an import set up."""
        self._addresses.update_or_create(email=self.email, defaults={"primary": True, "verified": True})

    @property
    def _addresses(self) -> Any:
        return self.emailaddress_set  # type: ignore[attr-defined]  # allauth's, which is not typed

    def get_full_name(self) -> str:
        """Return what staff call this reader."""
        return self.email

    def get_short_name(self) -> str:
        """Return what staff call this reader, in short."""
        return self.email


class Session(AbstractBaseSession):
    """Where somebody is signed in or about to be; the key that opens it is kept only as a hash.

    Everything but the primary key is told by the session's own data (`accounts.session_store`).
    """

    session_key = models.CharField(_("hash of the key"), max_length=64, primary_key=True)
    reader = models.ForeignKey(User, null=True, on_delete=models.CASCADE, related_name="sessions")
    signed_in_at = models.DateTimeField(_("signed in"), null=True)
    last_seen_at = models.DateTimeField(_("last seen"), null=True)
    ip = models.GenericIPAddressField(_("network address"), null=True)
    user_agent = models.CharField(_("browser or app"), max_length=200, blank=True)

    @classmethod
    def get_session_store_class(cls) -> type[SessionBase]:
        """Return the store that reads and writes these rows."""
        store: type[SessionBase] = import_module(settings.SESSION_ENGINE).SessionStore
        return store


class KnownDevice(models.Model):
    """A device on which a reader has signed in before: a stranger's failed guesses do not count against it."""

    reader = models.ForeignKey(User, on_delete=models.CASCADE, related_name="known_devices")
    device = models.CharField(max_length=64)
    last_signed_in_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=("reader", "device"), name="known_device_once")]

    def __str__(self) -> str:
        return f"{self.reader} on {self.device}"


class MailQuerySet(models.QuerySet["Mail"]):
    """Which mails still have to go out."""

    def due(self, *, now: datetime) -> MailQuerySet:
        """Unsent mails whose turn it is and that no worker holds."""
        return self.filter(state=Mail.State.QUEUED, next_attempt_at__lte=now).filter(
            models.Q(leased_until=None) | models.Q(leased_until__lte=now)
        )


class Mail(models.Model):
    """The outbox: a mail written in the transaction that made it true, sent by a worker, at least once.

    The text is kept only until it has been sent, since it may carry a login code.
    """

    class State(models.TextChoices):
        """Where a mail is on its way."""

        QUEUED = "queued", _("queued")
        SENT = "sent", _("sent")
        DEAD = "dead", _("given up")
        WITHDRAWN = "withdrawn", _("taken back")

    reader = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="mails")
    kind = models.CharField(max_length=60)
    dedup_key = models.CharField(
        max_length=200, unique=True, help_text=_("One mail per key, ever: what it tells, about which object.")
    )
    to = models.EmailField()
    subject = models.CharField(max_length=200)
    text = models.TextField(blank=True)
    html = models.TextField(blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    queued_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        ordering = ("-queued_at",)
        indexes = [
            models.Index(fields=("next_attempt_at",), condition=models.Q(state="queued"), name="mail_due"),
            models.Index(fields=("queued_at",), condition=models.Q(state="dead"), name="mail_dead"),
        ]

    # A worker that dies while sending frees its mail after this long.
    LEASE = timedelta(minutes=2)

    def __str__(self) -> str:
        return f"{self.kind} to {self.to}"
