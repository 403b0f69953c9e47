"""Customers, their subscriptions, invoices and cards."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import clock
from accounts.models import User
from billing import gateway, money, outlook, sync
from billing.admin.merging import merge_customers
from billing.admin.mirror import MirrorAdmin, MirrorInline, about_reader, listing, one, row_of
from billing.admin.returns import RefundingAdmin
from billing.models import Customer, Invoice, OpenProduct, PaymentMethod, Seat, Subscription, SubscriptionItem

_AT_ONCE = 20  # so many looks at Stripe fit into one request; a worker takes the rest


class SubscriptionInline(MirrorInline):
    """A customer's subscriptions."""

    model = Subscription
    fields = ("stripe_id", "status", "period_ends_at", "cancel_at", "ended_at", "past_due_since")


class CardInline(MirrorInline):
    """A customer's cards."""

    model = PaymentMethod
    fields = ("type", "brand", "wallet", "last4", "exp_month", "exp_year", "detached_at")


class ItemInline(MirrorInline):
    """A subscription's lines."""

    model = SubscriptionItem
    fields = (
        "price",
        "quantity",
        "unit_amount",
        "currency",
        "interval",
        "period_starts_at",
        "period_ends_at",
    )


class InvoiceInline(MirrorInline):
    """A subscription's invoices."""

    model = Invoice
    fields = (
        "number",
        "status",
        "total",
        "currency",
        "attempt_count",
        "failure_code",
        "created_at",
        "paid_at",
    )


class SeatInline(MirrorInline):
    """Who reads by a subscription beside its owner."""

    model = Seat
    fields = ("email", "member", "invited_at", "accepted_at", "ended_at", "ending")


class CustomerInline(MirrorInline):
    """A reader at Stripe."""

    model = Customer
    fields = ("stripe_id", "email", "synced_at", "deleted_at")


@admin.register(Customer)
class CustomerAdmin(MirrorAdmin):
    """Readers at Stripe."""

    list_display = ("email", "reader", "stripe_id", "synced_at", "sync_error", "deleted_at")
    list_filter = (
        "livemode",
        ("deleted_at", admin.EmptyFieldListFilter),
        ("merged_into", admin.EmptyFieldListFilter),
        "synced_at",
    )
    list_select_related = ("reader",)
    search_fields = ("email", "stripe_id", "reader__email", "reader__public_id", "subscriptions__stripe_id")
    readonly_fields = ("related", "next_step")
    inlines = (SubscriptionInline, CardInline)
    actions = ("sync_now", merge_customers)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, customer: Customer) -> SafeString:
        """Link to all that belongs to this customer."""
        return row_of(
            *about_reader(customer.reader_id),
            listing(_("invoices"), "billing_invoice", customer__id__exact=customer.pk),
            listing(_("refunds"), "billing_refund", customer__id__exact=customer.pk),
            listing(_("disputes"), "billing_dispute", customer__id__exact=customer.pk),
            listing(_("alerts"), "billing_alert", customer__id__exact=customer.pk),
            listing(_("events"), "billing_stripeevent", customer_id__exact=customer.stripe_id),
        )

    @admin.display(description=gettext_lazy("what happens next"))
    def next_step(self, customer: Customer) -> SafeString:
        """Say what the reader's own page says."""
        return _next_steps(customer.subscriptions.all())

    @admin.action(description=gettext_lazy("Sync now with Stripe"), permissions=["act"])
    def sync_now(self, request: HttpRequest, customers: QuerySet[Customer]) -> None:
        """Look at Stripe now."""
        _sync(self, request, list(customers))


@admin.register(Subscription)
class SubscriptionAdmin(MirrorAdmin):
    """Contracts."""

    list_display = (
        "stripe_id",
        "customer",
        "status",
        "period_ends_at",
        "cancel_at",
        "past_due_since",
        "synced_at",
    )
    list_filter = ("status", "cancel_at_period_end", "items__price", "created_at")
    list_select_related = ("customer",)
    search_fields = ("stripe_id", "customer__email", "customer__stripe_id", "customer__reader__email")
    readonly_fields = ("related", "next_step")
    date_hierarchy = "created_at"
    inlines = (ItemInline, SeatInline, InvoiceInline)
    actions = ("sync_now",)

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow what our own links narrow by."""
        return lookup == "customer__reader__id__exact" or super().lookup_allowed(lookup, value, request)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, subscription: Subscription) -> SafeString:
        """Link to all that belongs to this subscription."""
        customer = subscription.customer
        return row_of(
            one(customer),
            *about_reader(customer.reader_id, source=sync.source_of(subscription.stripe_id)),
            listing(_("events"), "billing_stripeevent", customer_id__exact=customer.stripe_id),
        )

    @admin.display(description=gettext_lazy("what happens next"))
    def next_step(self, subscription: Subscription) -> SafeString:
        """Say what the reader's own page says."""
        return _next_steps(Subscription.objects.filter(pk=subscription.pk))

    @admin.action(description=gettext_lazy("Sync now with Stripe"), permissions=["act"])
    def sync_now(self, request: HttpRequest, subscriptions: QuerySet[Subscription]) -> None:
        """Look at Stripe now."""
        customers = {row.customer_id: row.customer for row in subscriptions.select_related("customer")}
        _sync(self, request, list(customers.values()))


@admin.register(Invoice)
class InvoiceAdmin(RefundingAdmin):
    """Invoices."""

    list_display = (
        "__str__",
        "customer",
        "status",
        "amount",
        "attempt_count",
        "failure_code",
        "created_at",
        "paid_at",
    )
    list_filter = ("status", "billing_reason", "needs_action", "failure_code", "currency", "created_at")
    list_select_related = ("customer",)
    search_fields = (
        "number",
        "stripe_id",
        "customer__email",
        "customer__stripe_id",
        "customer__reader__email",
    )
    readonly_fields = ("related", "given_back", "refund_link")
    date_hierarchy = "created_at"

    @admin.display(description=gettext_lazy("total"), ordering="total")
    def amount(self, invoice: Invoice) -> str:
        """Return the total as people read it."""
        return money.text(invoice.total, currency=invoice.currency)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, invoice: Invoice) -> SafeString:
        """Link to all that belongs to this invoice."""
        return row_of(
            one(invoice.customer),
            *([one(invoice.subscription)] if invoice.subscription else []),
            *about_reader(invoice.customer.reader_id),
            listing(_("events"), "billing_stripeevent", object_id__exact=invoice.stripe_id),
        )


@admin.register(PaymentMethod)
class PaymentMethodAdmin(MirrorAdmin):
    """Cards on file."""

    list_display = ("__str__", "customer", "exp_month", "exp_year", "detached_at")
    list_filter = ("type", "brand", "exp_year", ("detached_at", admin.EmptyFieldListFilter))
    list_select_related = ("customer",)
    search_fields = ("last4", "stripe_id", "customer__email", "customer__stripe_id", "fingerprint")


@admin.register(OpenProduct)
class OpenProductAdmin(MirrorAdmin):
    """Which open subscription gives a product to a reader."""

    list_display = ("reader", "product", "subscription")
    list_filter = ("product",)
    list_select_related = ("reader", "subscription")
    search_fields = ("reader__email", "subscription__stripe_id")


def _sync(staff: MirrorAdmin, request: HttpRequest, customers: list[Customer]) -> None:
    now = clock.now()
    sync.request([customer.pk for customer in customers], now=now)
    for customer in customers[:_AT_ONCE]:
        outcome = sync.customer(customer.pk, gateway=gateway.default(), now=now)
        staff.log_change(request, customer, f"Synced with Stripe: {outcome}.")
        level = messages.ERROR if outcome is sync.SyncOutcome.FAILED else messages.SUCCESS
        staff.message_user(request, f"{customer}: {outcome}", level)
    if customers[_AT_ONCE:]:
        text = _("%(count)s more follow within seconds.") % {"count": len(customers) - _AT_ONCE}
        staff.message_user(request, text)


def _next_steps(subscriptions: QuerySet[Subscription]) -> SafeString:
    now = clock.now()
    states = [outlook.of_subscription(subscription, now=now) for subscription in subscriptions]
    return format_html_join("", "<div>{}: {}</div>", ((state.plan_name, state.summary) for state in states))


# The page of a reader is a floor below and knows nothing of money; here it learns where the money is.
_of_readers = admin.site.get_model_admin(User)
type(_of_readers).inlines = (*_of_readers.inlines, CustomerInline)
