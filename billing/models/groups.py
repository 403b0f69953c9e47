"""Who reads by somebody else's subscription: the seats of groups and families."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.contracts import Subscription


class SeatQuerySet(models.QuerySet["Seat"]):
    """Which seats are taken, and by whom."""

    def living(self) -> SeatQuerySet:
        """Seats that are held or offered."""
        return self.filter(ended_at=None)

    def members(self) -> SeatQuerySet:
        """Seats that somebody sits in, the longest-standing first: the order in which a smaller group keeps them."""
        return self.living().filter(member__isnull=False).order_by("accepted_at", "pk")

    def offered(self, *, now: datetime) -> SeatQuerySet:
        """Invitations that can still be accepted."""
        return self.living().filter(member=None, expires_at__gt=now)


class Seat(models.Model):
    """A place in a group beside its owner's own: offered to an address, then held by whoever accepted.

    The address is the one invited, which need not be that of the member's account. Of the token only a hash is kept.
    """

    class Ending(models.TextChoices):
        """How a seat became free."""

        WITHDRAWN = "withdrawn", _("invitation withdrawn")
        LEFT = "left", _("the member left")
        REMOVED = "removed", _("removed by the owner")
        STAFF = "staff", _("ended by staff")
        CLOSED = "closed", _("an account was closed")

    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="seats")
    email = models.CharField(_("invited address"), max_length=254, blank=True)
    member = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="seats",
        verbose_name=_("member"),
    )
    token_hash = models.CharField(max_length=64, blank=True)
    sends = models.PositiveSmallIntegerField(_("mails sent"), default=0)
    invited_at = models.DateTimeField(_("invited"), help_text=_("When the last invitation was sent."))
    expires_at = models.DateTimeField(_("invitation runs out"))
    accepted_at = models.DateTimeField(_("accepted"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    ending = models.CharField(_("how it ended"), max_length=10, blank=True, choices=Ending)
    reason = models.CharField(
        _("reason"), max_length=1000, blank=True, help_text=_("What staff gave as one.")
    )

    objects = SeatQuerySet.as_manager()

    class Meta:
        ordering = ("-invited_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=("subscription", "member"),
                condition=Q(ended_at=None, member__isnull=False),
                name="seat_one_living_per_member",
            ),
            models.UniqueConstraint(
                fields=("subscription", "email"),
                condition=Q(ended_at=None, member=None),
                name="seat_one_living_invitation_per_address",
            ),
            models.UniqueConstraint(
                fields=("token_hash",), condition=~Q(token_hash=""), name="seat_token_opens_one"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at=None, member=None)
                | Q(accepted_at__isnull=False, member__isnull=False),
                name="seat_is_accepted_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ending="") | Q(ended_at__isnull=False) & ~Q(ending=""),
                name="seat_ends_somehow",
            ),
        ]

    def __str__(self) -> str:
        return self.email or self.source

    @property
    def source(self) -> str:
        """The name under which it gives entitlements."""
        return f"seat:{self.pk}"
