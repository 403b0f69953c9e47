"""What Stripe told us, what we asked of Stripe, and how equal we are."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import clock
from billing import inbox
from billing.admin.mirror import MirrorAdmin, about_reader, listing, one, row_of
from billing.models import CheckoutAttempt, Cursor, Customer, OutboundCall, ReconcileRun, StripeEvent


@admin.register(StripeEvent)
class StripeEventAdmin(MirrorAdmin):
    """What Stripe told us."""

    list_display = (
        "type",
        "event_id",
        "customer_id",
        "state",
        "attempts",
        "created_at",
        "received_at",
        "last_error",
    )
    list_filter = ("state", "source", "type", "livemode", "received_at")
    search_fields = ("event_id", "object_id", "customer_id", "type")
    readonly_fields = ("related",)
    date_hierarchy = "received_at"
    actions = ("replay",)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, event: StripeEvent) -> SafeString:
        """Link to whom this event is about."""
        customer = Customer.objects.filter(stripe_id=event.customer_id).first() if event.customer_id else None
        if customer is None:
            return row_of(
                listing(
                    _("events about the same object"), "billing_stripeevent", object_id__exact=event.object_id
                )
            )
        return row_of(
            one(customer),
            *about_reader(customer.reader_id),
            listing(
                _("events of this customer"), "billing_stripeevent", customer_id__exact=event.customer_id
            ),
        )

    @admin.action(description=gettext_lazy("Replay"), permissions=["act"])
    def replay(self, request: HttpRequest, events: QuerySet[StripeEvent]) -> None:
        """Work through these events once more; a worker does it within seconds."""
        rows = list(events)
        count = inbox.again([row.pk for row in rows], now=clock.now())
        for row in rows:
            self.log_change(request, row, "Replayed.")
        self.message_user(request, _("%(count)s events will be worked through again.") % {"count": count})


@admin.register(CheckoutAttempt)
class CheckoutAttemptAdmin(MirrorAdmin):
    """Ways to Checkout, and what was agreed to and paid with the card on file."""

    list_display = ("key", "kind", "reader", "price", "amount", "state", "refusal", "started_at", "closed_at")
    list_filter = ("kind", "state", "price", "started_at")
    list_select_related = ("reader", "price")
    search_fields = ("key", "session_id", "reader__email")


@admin.register(OutboundCall)
class OutboundCallAdmin(MirrorAdmin):
    """Writes to Stripe."""

    list_display = ("purpose", "subject", "state", "stripe_id", "started_at", "finished_at", "error")
    list_filter = ("state", "purpose", "started_at")
    search_fields = ("subject", "stripe_id", "key", "error")


@admin.register(ReconcileRun)
class ReconcileRunAdmin(MirrorAdmin):
    """How equal we are to Stripe."""

    list_display = ("started_at", "finished_at", "stage", "said", "repaired", "returns")
    date_hierarchy = "started_at"

    @admin.display(description=gettext_lazy("equal"))
    def said(self, run: ReconcileRun) -> str:
        """Say of how many subscriptions how many were proven equal, and when; of one under way, so far."""
        return _("%(equal)s of %(checked)s equal at %(moment)s") % {
            "equal": run.equal,
            "checked": run.checked,
            "moment": f"{run.started_at:%Y-%m-%d %H:%M} UTC",
        }

    @admin.display(description=gettext_lazy("payments made once, refunds, disputes, warnings"))
    def returns(self, run: ReconcileRun) -> str:
        """Say the same of what went back."""
        return _("%(equal)s of %(checked)s equal") % {
            "equal": run.returns_equal,
            "checked": run.returns_checked,
        }


@admin.register(Cursor)
class CursorAdmin(MirrorAdmin):
    """How far we have read."""

    list_display = ("name", "position", "moved_at")
