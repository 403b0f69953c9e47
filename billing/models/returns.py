"""Money that goes back: what was refunded, what a bank took back, what staff wished, and what staff should see."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.contracts import Customer, Invoice
from billing.models.held import Present
from billing.snapshots import Access


class Refund(models.Model):
    """Money given back, or on its way, wherever it was wished."""

    stripe_id = models.CharField(max_length=80, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="refunds")
    invoice = models.ForeignKey(
        Invoice, null=True, blank=True, on_delete=models.SET_NULL, related_name="refunds"
    )
    charge = models.CharField(max_length=80, blank=True)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=20)
    reason = models.CharField(max_length=80, blank=True)
    failure_reason = models.CharField(max_length=80, blank=True)
    access = models.CharField(max_length=10, blank=True)
    order = models.CharField(
        max_length=80, blank=True, db_index=True, help_text=_("Empty: made in Stripe's dashboard.")
    )
    brand = models.CharField(max_length=40, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    created_at = models.DateTimeField()

    # What was not given back after all.
    UNDONE = ("failed", "canceled")

    class Meta:
        ordering = ("-created_at", "-stripe_id")

    def __str__(self) -> str:
        return self.stripe_id


class Dispute(models.Model):
    """A payment that the card's holder contests at the bank."""

    stripe_id = models.CharField(max_length=80, unique=True)
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="disputes"
    )
    present = models.ForeignKey(
        Present,
        null=True,
        blank=True,
        on_delete=models.CASCADE,
        related_name="disputes",
        verbose_name=_("gift subscription"),
        help_text=_("What was paid, where nobody known here paid it."),
    )
    invoice = models.ForeignKey(
        Invoice, null=True, blank=True, on_delete=models.SET_NULL, related_name="disputes"
    )
    charge = models.CharField(max_length=80)
    amount = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=40)
    reason = models.CharField(max_length=80, blank=True)
    due_by = models.DateTimeField(null=True, blank=True, help_text=_("Until then the bank takes evidence."))
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("-created_at", "-stripe_id")
        constraints = [
            models.CheckConstraint(
                condition=Q(customer__isnull=False) | Q(present__isnull=False),
                name="dispute_is_of_a_customer_or_a_gift",
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_id


class RefundOrder(models.Model):
    """A member of staff's wish to give money back: kept before Stripe is asked, fulfilled once."""

    class State(models.TextChoices):
        """How a wish stands."""

        OPEN = "open", _("outcome unknown")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")

    key = models.CharField(max_length=80, unique=True, help_text=_("One per form that was shown."))
    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE, related_name="refund_orders")
    amount = models.BigIntegerField()
    reason = models.CharField(max_length=300)
    access = models.CharField(
        max_length=10,
        choices=[(Access.KEEP.value, _("reads on")), (Access.WITHDRAW.value, _("reading ends"))],
    )
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="refund_orders"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    error = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-started_at",)
        constraints = [
            models.UniqueConstraint(
                fields=("invoice",), condition=Q(state="open"), name="one_open_refund_order_per_invoice"
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="refund_order_gives_something_back"),
        ]

    def __str__(self) -> str:
        return self.key


class Alert(models.Model):
    """Something about money that a member of staff should see; closed by itself where it passes, else by them."""

    class Kind(models.TextChoices):
        """What happened."""

        DISPUTE = "dispute", _("a payment is disputed")
        DISPUTE_LOST = "dispute_lost", _("a dispute was lost")
        FRAUD_WARNING = "fraud_warning", _("the bank warns of fraud")
        REFUND_FAILED = "refund_failed", _("a refund failed")
        BOUGHT_TWICE = "bought_twice", _("two open subscriptions give one product")
        INVOICE_STUCK = "invoice_stuck", _("an invoice cannot be made due")

    kind = models.CharField(max_length=20, choices=Kind.choices)
    about = models.CharField(max_length=80, help_text=_("Stripe's id of what it is about."))
    customer = models.ForeignKey(
        Customer, null=True, blank=True, on_delete=models.CASCADE, related_name="alerts"
    )
    text = models.CharField(max_length=200, blank=True)
    due_by = models.DateTimeField(null=True, blank=True)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    closed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    note = models.CharField(max_length=300, blank=True, help_text=_("What was done about it."))

    class Meta:
        ordering = ("-opened_at", "-pk")
        constraints = [
            models.UniqueConstraint(fields=("kind", "about"), name="one_alert_per_kind_and_object"),
        ]
        indexes = [
            models.Index(fields=("opened_at",), condition=Q(closed_at=None), name="alert_open"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.about}"
