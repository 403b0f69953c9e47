"""What Stripe told us, what we asked of Stripe, and how far we have looked."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from billing.models.sale import Price


class StripeEvent(models.Model):
    """The inbox: a delivery, kept once, processed at least once. Only its ids are ever believed."""

    class State(models.TextChoices):
        """Where an event is on its way."""

        RECEIVED = "received", _("received")
        DONE = "done", _("done")
        IGNORED = "ignored", _("ignored")
        PARKED = "parked", _("parked: nobody of ours yet")
        DEAD = "dead", _("given up")

    event_id = models.CharField(max_length=120, unique=True)
    type = models.CharField(max_length=120)
    api_version = models.CharField(max_length=60, blank=True)
    livemode = models.BooleanField()
    source = models.CharField(max_length=10, default="webhook")  # webhook or replay
    object_id = models.CharField(max_length=120, blank=True)
    object_type = models.CharField(max_length=60, blank=True)
    customer_id = models.CharField(max_length=80, blank=True, db_index=True)
    payload = models.JSONField(null=True, blank=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(help_text=_("When Stripe made it."))
    received_at = models.DateTimeField()
    processed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-received_at", "-id")
        indexes = [
            models.Index(
                fields=("next_attempt_at",),
                condition=Q(state__in=("received", "parked")),
                name="stripe_event_due",
            ),
            models.Index(fields=("received_at",), condition=Q(state="dead"), name="stripe_event_dead"),
        ]

    LEASE = timedelta(minutes=2)

    def __str__(self) -> str:
        return f"{self.type} {self.event_id}"


class CheckoutAttempt(models.Model):
    """A reader's way to a purchase. One open attempt per reader: two tabs, or a double click, share it.

    Most lead to Checkout. Another plan and a return are paid with the card on file, after their amount was shown.
    """

    class Kind(models.TextChoices):
        """What is bought, and how."""

        CHECKOUT = "checkout", _("at Checkout")
        CHANGE = "change", _("another plan, with the card on file")
        RETURN = "return", _("the subscription again, with the card on file")

    class State(models.TextChoices):
        """How an attempt stands."""

        OPEN = "open", _("open")
        DONE = "done", _("paid")
        CLOSED = "closed", _("expired or replaced")

    reader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="checkout_attempts"
    )
    price = models.ForeignKey(Price, on_delete=models.PROTECT, related_name="checkout_attempts")
    key = models.CharField(
        max_length=80, unique=True, help_text=_("Idempotency key and public name of the attempt.")
    )
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.CHECKOUT)
    return_url = models.URLField(max_length=1000, blank=True)
    code = models.CharField(max_length=80, blank=True, help_text=_("Stripe's id of the code that was typed."))
    quantity = models.PositiveIntegerField(default=1)
    session_id = models.CharField(max_length=120, blank=True, db_index=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    leased_until = models.DateTimeField(
        null=True, blank=True, help_text=_("Somebody is asking Stripe for the session.")
    )
    subscription = models.ForeignKey(
        "billing.Subscription", null=True, blank=True, on_delete=models.SET_NULL, related_name="agreements"
    )
    shown_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When the amount was shown; prorations count from here.")
    )
    amount = models.BigIntegerField(null=True, blank=True, help_text=_("What was shown, in minor units."))
    asked_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When Stripe was asked; until it is closed, the outcome is open.")
    )
    refusal = models.CharField(max_length=80, blank=True, help_text=_("Why the card did not pay."))
    started_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    # Only how long parallel clicks wait for the one that asks; the key makes an early take-over harmless.
    LEASE = timedelta(seconds=20)

    class Meta:
        ordering = ("-started_at",)
        constraints = [
            models.UniqueConstraint(
                fields=("reader",), condition=Q(state="open"), name="one_open_checkout_per_reader"
            ),
        ]

    def __str__(self) -> str:
        return self.key


class OutboundCall(models.Model):
    """A write to Stripe, recorded before it is made: its `key` is the idempotency key, so a retry is the same call.

    At most one unfinished call per purpose and object; whoever repeats the wish meanwhile joins that call.
    """

    class State(models.TextChoices):
        """What became of a call."""

        OPEN = "open", _("outcome unknown")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")

    purpose = models.CharField(max_length=40)  # customer, cancel, resume, default_card, pay, void, expire …
    subject = models.CharField(max_length=160)  # what it is about: a reader, a subscription, invoice:card …
    key = models.CharField(max_length=120, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    stripe_id = models.CharField(max_length=120, blank=True)
    error = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-started_at",)
        constraints = [
            models.UniqueConstraint(
                fields=("purpose", "subject"),
                condition=Q(state="open"),
                name="one_open_call_per_purpose_and_subject",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} {self.subject}"


class ReconcileRun(models.Model):
    """One walk over everything, and the drift it found: "N of N subscriptions proven equal to Stripe at T"."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    stage = models.CharField(
        max_length=20, default="subscriptions", help_text=_("What is being walked over.")
    )
    cursor = models.CharField(max_length=120, blank=True)
    checked = models.PositiveIntegerField(default=0)
    equal = models.PositiveIntegerField(default=0)
    repaired = models.PositiveIntegerField(default=0)
    returns_checked = models.PositiveIntegerField(
        default=0, help_text=_("Payments made once, refunds, disputes, warnings.")
    )
    returns_equal = models.PositiveIntegerField(default=0)
    drift = models.JSONField(default=list, help_text=_("What differed, one line each."))

    class Meta:
        ordering = ("-started_at",)

    LEASE = timedelta(minutes=2)

    def __str__(self) -> str:
        return f"{self.equal} of {self.checked} equal at {self.started_at:%Y-%m-%d %H:%M}"


class Cursor(models.Model):
    """How far a walk has come: over Stripe's events, or over those who are to be reminded."""

    name = models.CharField(max_length=60, primary_key=True)
    position = models.CharField(max_length=120, blank=True)
    moved_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.name
