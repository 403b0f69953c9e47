"""Free reads: whose they are, and the receipt of each."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Wallet(models.Model):
    """Whose free reads are counted together: a reader's, or a device's while nobody is signed in."""

    owner = models.CharField(_("owner"), max_length=80, unique=True)
    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="wallets"
    )

    def __str__(self) -> str:
        return self.owner


class FreeRead(models.Model):
    """The receipt of a free read. Never edited, but for when a device's read was also counted for a reader."""

    wallet = models.ForeignKey(Wallet, on_delete=models.CASCADE, related_name="reads")
    article = models.CharField(_("article"), max_length=120)
    spent_at = models.DateTimeField(_("spent"))
    recorded_at = models.DateTimeField(
        _("recorded"), help_text=_("Later than spent where it was merged at sign-in.")
    )
    merged_at = models.DateTimeField(_("counted for a reader"), null=True, editable=False)

    class Meta:
        ordering = ("-spent_at", "-id")
        constraints = [
            models.UniqueConstraint(
                fields=("wallet", "article", "spent_at"), name="free_read_one_receipt_each"
            ),
        ]
        indexes = [models.Index(fields=("wallet", "-spent_at"), name="free_read_by_wallet")]

    def __str__(self) -> str:
        return self.article
