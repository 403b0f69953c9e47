"""The keys that sign access tokens, and what makes tokens void."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class SigningKey(models.Model):
    """A key that signs access tokens: published before it signs and after it stopped. The private half is sealed.

    `sealed` is a secret also to staff; it is erased as soon as the key no longer signs.
    """

    class State(models.TextChoices):
        """Where in its life it is."""

        UPCOMING = "upcoming", _("published, signs later")
        SIGNING = "signing", _("signs")
        RETIRED = "retired", _("signs no more, published still")
        GONE = "gone", _("no longer published")

    kid = models.CharField(_("id"), max_length=40, primary_key=True)
    state = models.CharField(_("state"), max_length=10, choices=State)
    public_jwk = models.JSONField(_("public key"))
    sealed = models.TextField(editable=False, blank=True)
    created_at = models.DateTimeField(_("published"))
    signed_from = models.DateTimeField(_("signs since"), null=True)
    retired_at = models.DateTimeField(_("signed until"), null=True)
    gone_at = models.DateTimeField(_("published until"), null=True)

    class Meta:
        ordering = ("-created_at", "kid")
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        constraints = [
            models.UniqueConstraint(
                fields=("state",), condition=models.Q(state="signing"), name="signing_key_one_signs"
            ),
            models.UniqueConstraint(
                fields=("state",), condition=models.Q(state="upcoming"), name="signing_key_one_is_next"
            ),
            models.CheckConstraint(
                condition=(models.Q(state__in=["upcoming", "signing"]) & ~models.Q(sealed=""))
                | models.Q(state__in=["retired", "gone"], sealed=""),
                name="signing_key_secret_fits_state",
            ),
        ]

    def __str__(self) -> str:
        return self.kid


class AccessEpoch(models.Model):
    """How often what a reader may read was changed or withdrawn. Tokens that carry a lower number are void."""

    reader = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="access_epoch"
    )
    number = models.PositiveBigIntegerField(default=1)
    raised_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=("raised_at", "reader"), name="access_epoch_lately_raised")]

    def __str__(self) -> str:
        return f"{self.reader_id}: {self.number}"
