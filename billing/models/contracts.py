"""What readers hold at Stripe: the customer, cards, subscriptions, invoices."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from billing.models.sale import Price
from billing.snapshots import Status


class CustomerQuerySet(models.QuerySet["Customer"]):
    """Which customers need a look."""

    def waiting(self, *, now: datetime) -> CustomerQuerySet:
        """Somebody asked for a sync that no worker has done or is doing, and whose turn it is."""
        return (
            self.filter(sync_requested__gt=F("sync_done"))
            .filter(Q(leased_until=None) | Q(leased_until__lte=now))
            .filter(Q(next_sync_at=None) | Q(next_sync_at__lte=now))
        )


class Customer(models.Model):
    """A reader at Stripe. `sync_requested > sync_done` means that somebody asked for a look not yet taken."""

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="customers"
    )
    stripe_id = models.CharField(max_length=80, unique=True)
    livemode = models.BooleanField(default=False)
    email = models.CharField(max_length=512, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    balance = models.BigIntegerField(default=0)
    default_card = models.CharField(max_length=80, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    merged_into = models.ForeignKey(
        "self",
        null=True,
        blank=True,
        on_delete=models.PROTECT,
        related_name="merged",
        help_text=_(
            "The reader's other customer, which new purchases go to. What this one holds still counts."
        ),
    )

    sync_requested = models.PositiveBigIntegerField(default=0)
    sync_done = models.PositiveBigIntegerField(default=0)
    leased_by = models.CharField(max_length=40, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    sync_attempts = models.PositiveIntegerField(default=0)
    next_sync_at = models.DateTimeField(null=True, blank=True)
    sync_error = models.CharField(max_length=300, blank=True)
    synced_at = models.DateTimeField(
        null=True, blank=True, help_text=_("Start of the last look that was written.")
    )
    created_at = models.DateTimeField()

    objects = CustomerQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("reader", "livemode"),
                condition=Q(deleted_at=None) & Q(reader__isnull=False) & Q(merged_into=None),
                name="customer_one_per_reader",
            ),
        ]
        indexes = [
            models.Index(
                fields=("sync_requested",),
                condition=Q(sync_requested__gt=F("sync_done")),
                name="customer_waiting",
            ),
            models.Index(fields=("synced_at",), name="customer_oldest_look"),
        ]

    LEASE = timedelta(minutes=2)

    def __str__(self) -> str:
        return self.email or self.stripe_id


class PaymentMethod(models.Model):
    """A card (or other means) on file."""

    stripe_id = models.CharField(max_length=80, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="cards")
    type = models.CharField(max_length=40)
    brand = models.CharField(max_length=40, blank=True)
    last4 = models.CharField(max_length=4, blank=True)
    exp_month = models.PositiveSmallIntegerField(null=True, blank=True)
    exp_year = models.PositiveSmallIntegerField(null=True, blank=True)
    fingerprint = models.CharField(max_length=80, blank=True)
    wallet = models.CharField(max_length=40, blank=True, default="")
    detached_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"{self.brand or self.type} •••• {self.last4}"


class Subscription(models.Model):
    """A contract, as Stripe sees it."""

    stripe_id = models.CharField(max_length=80, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="subscriptions")
    status = models.CharField(max_length=40, help_text=_("Stripe's word, kept even where we do not know it."))
    starts_at = models.DateTimeField()
    period_ends_at = models.DateTimeField(null=True, blank=True)
    trial_starts_at = models.DateTimeField(null=True, blank=True)
    trial_ends_at = models.DateTimeField(null=True, blank=True)
    cancel_at = models.DateTimeField(null=True, blank=True)
    cancel_at_period_end = models.BooleanField(default=False)
    canceled_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    past_due_since = models.DateTimeField(null=True, blank=True)
    pause_behavior = models.CharField(max_length=40, blank=True)
    pause_resumes_at = models.DateTimeField(null=True, blank=True)
    automatic = models.BooleanField(default=True)
    default_card = models.CharField(max_length=80, blank=True)
    latest_invoice = models.CharField(max_length=80, blank=True)
    cancel_reason = models.CharField(max_length=40, blank=True, default="")
    currency = models.CharField(max_length=3, blank=True)
    withdrawn_at = models.DateTimeField(
        null=True, blank=True, help_text=_("Since then it gives nothing, because its money went back.")
    )
    withdrawn_because = models.CharField(max_length=20, blank=True)
    without_card = models.CharField(
        max_length=40, blank=True, help_text=_("What a trial does at its end where no card is on file.")
    )
    discount = models.CharField(max_length=200, blank=True)
    discount_ends_at = models.DateTimeField(null=True, blank=True)
    next_amount = models.BigIntegerField(
        null=True, blank=True, help_text=_("What Stripe says comes next, where the list price does not tell.")
    )
    created_at = models.DateTimeField()
    synced_at = models.DateTimeField()
    proven_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text=_("Start of the last full comparison that found it equal to Stripe's."),
    )

    class Meta:
        ordering = ("-created_at",)
        indexes = [
            models.Index(fields=("status", "period_ends_at"), name="subscription_boundaries"),
            models.Index(
                fields=("withdrawn_at",),
                condition=Q(withdrawn_at__isnull=False),
                name="subscription_withdrawn",
            ),
        ]

    def __str__(self) -> str:
        return self.stripe_id

    @property
    def is_open(self) -> bool:
        """Whether Stripe may still charge for it."""
        return Status.of(self.status).is_open

    @property
    def source(self) -> str:
        """The name under which it gives entitlements."""
        return self.source_of(self.stripe_id)

    @staticmethod
    def source_of(stripe_id: str) -> str:
        """Return the name under which a subscription of that id gives entitlements."""
        return f"subscription:{stripe_id}"


class SubscriptionItem(models.Model):
    """One line of a subscription; the whole set is replaced by each sync."""

    stripe_id = models.CharField(max_length=80, unique=True)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="items")
    price = models.ForeignKey(Price, null=True, on_delete=models.PROTECT, related_name="items")
    stripe_price = models.CharField(max_length=80)
    stripe_product = models.CharField(max_length=80)
    quantity = models.PositiveIntegerField(default=1)
    unit_amount = models.BigIntegerField(null=True)
    currency = models.CharField(max_length=3)
    interval = models.CharField(max_length=10, blank=True)
    interval_count = models.PositiveSmallIntegerField(default=1)
    period_starts_at = models.DateTimeField()
    period_ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.stripe_id


class OpenProduct(models.Model):
    """Which open subscription gives a product to a reader: at most one, by constraint.

    Checkout refuses while a row exists. Where Stripe really holds two open subscriptions for one product (made by
    hand in its dashboard), the older one keeps the row and the drift report names the other.
    """

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="open_products"
    )
    product = models.CharField(max_length=60)
    subscription = models.ForeignKey(Subscription, on_delete=models.CASCADE, related_name="open_products")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=("reader", "product"), name="one_open_subscription_per_reader_and_product"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} by {self.subscription_id}"


class Invoice(models.Model):
    """An invoice, with what its latest payment attempt said."""

    stripe_id = models.CharField(max_length=80, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.CASCADE, related_name="invoices")
    subscription = models.ForeignKey(
        Subscription, null=True, blank=True, on_delete=models.SET_NULL, related_name="invoices"
    )
    number = models.CharField(max_length=80, blank=True)
    status = models.CharField(max_length=20)
    billing_reason = models.CharField(max_length=40, blank=True)
    currency = models.CharField(max_length=3)
    amount_due = models.BigIntegerField()
    amount_paid = models.BigIntegerField()
    amount_remaining = models.BigIntegerField()
    total = models.BigIntegerField()
    attempt_count = models.PositiveIntegerField(default=0)
    attempted = models.BooleanField(default=False)
    next_payment_attempt = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    finalized_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    hosted_url = models.URLField(max_length=2000, blank=True)
    pdf_url = models.URLField(max_length=2000, blank=True)
    automatic = models.BooleanField(default=True)
    failure_code = models.CharField(max_length=80, blank=True)
    advice_code = models.CharField(max_length=40, blank=True, default="")
    needs_action = models.BooleanField(default=False)
    finalization_error = models.CharField(max_length=80, blank=True)
    charge = models.CharField(max_length=80, blank=True, help_text=_("The payment that went through."))
    receipt_url = models.URLField(max_length=2000, blank=True)
    tax = models.BigIntegerField(default=0)
    tax_is_included = models.BooleanField(default=False)

    class Meta:
        ordering = ("-created_at", "-stripe_id")

    def __str__(self) -> str:
        return self.number or self.stripe_id
