"""Money that goes back: giving it back, what banks take back, and what staff should see to."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import clock
from accounts.models import User
from billing import alerts, gateway, money, refunding, returns
from billing.admin import acting
from billing.admin.forms import CloseForm, RefundForm
from billing.admin.mirror import MirrorAdmin, MirrorInline, about_reader, one, row_of
from billing.models import Alert, Dispute, Invoice, Present, Refund, RefundOrder
from billing.snapshots import Access


class RefundInline(MirrorInline):
    """What was given back of an invoice."""

    model = Refund
    fields = ("stripe_id", "amount", "currency", "status", "failure_reason", "created_at")


class DisputeInline(MirrorInline):
    """What is contested of an invoice."""

    model = Dispute
    fields = ("stripe_id", "amount", "currency", "status", "reason", "due_by")


class RefundingAdmin(MirrorAdmin):
    """Invoices that can be given back: a page that asks how much, why, and what becomes of reading."""

    inlines = (RefundInline, DisputeInline)

    def get_urls(self) -> list[URLPattern]:
        """Add the page that refunds (`admin:billing_invoice_refund`)."""
        view = self.admin_site.admin_view(self.refund)
        return [
            path("<path:object_id>/refund/", view, name="billing_invoice_refund"),
            *super().get_urls(),
        ]

    def refund(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask, then give back."""
        invoice: Invoice = acting.row_for(self, request, object_id, needs="billing.add_refund")
        return acting.page(
            self,
            request,
            invoice,
            title=_("Give money back"),
            facts=_facts(invoice),
            form=RefundForm(request.POST or None, invoice=invoice),
            act=lambda form, by: _give_back(invoice, form, by),
            button=_("Give back"),
        )

    @admin.display(description=gettext_lazy("refund"))
    def refund_link(self, invoice: Invoice) -> SafeString | str:
        """Lead to the page that refunds, where something is left to give back."""
        if not returns.left(invoice):
            return ""
        address = reverse("admin:billing_invoice_refund", args=[invoice.pk])
        return format_html('<a href="{}">{}</a>', address, _("Give money back"))

    @admin.display(description=gettext_lazy("given back"))
    def given_back(self, invoice: Invoice) -> str:
        """Return what is back, as people read it."""
        return money.text(returns.refunded(invoice), currency=invoice.currency)


@admin.register(Refund)
class RefundAdmin(MirrorAdmin):
    """What was given back, in the admin or in Stripe's dashboard."""

    list_display = ("stripe_id", "customer", "money", "status", "failure_reason", "invoice", "created_at")
    list_filter = ("status", "access", "created_at")
    list_select_related = ("customer", "invoice")
    search_fields = ("stripe_id", "charge", "order", "customer__email", "invoice__number")
    readonly_fields = ("related",)
    date_hierarchy = "created_at"

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def money(self, refund: Refund) -> str:
        """Return the amount as people read it."""
        return money.text(refund.amount, currency=refund.currency)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, refund: Refund) -> SafeString:
        """Link to all that belongs to this refund."""
        return _related(refund)


@admin.register(Dispute)
class DisputeAdmin(MirrorAdmin):
    """What holders of cards contest at their bank; evidence is handed in at Stripe."""

    list_display = ("stripe_id", "customer", "present", "money", "status", "reason", "due_by", "created_at")
    list_filter = ("status", "reason", "due_by", "created_at")
    list_select_related = ("customer", "present")
    search_fields = ("stripe_id", "charge", "customer__email", "invoice__number", "present__giver_email")
    readonly_fields = ("related", "at_stripe")
    date_hierarchy = "created_at"

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def money(self, dispute: Dispute) -> str:
        """Return the amount as people read it."""
        return money.text(dispute.amount, currency=dispute.currency)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, dispute: Dispute) -> SafeString:
        """Link to all that belongs to this dispute."""
        return _related(dispute)

    @admin.display(description=gettext_lazy("at Stripe"))
    def at_stripe(self, dispute: Dispute) -> SafeString:
        """Link to where evidence is handed in."""
        return _outside(alerts.dispute_at_stripe(dispute))


@admin.register(RefundOrder)
class RefundOrderAdmin(MirrorAdmin):
    """Who wished what to be given back, and why."""

    list_display = ("invoice", "money", "reason", "access", "by", "state", "started_at", "error")
    list_filter = ("state", "access", "by", "started_at")
    list_select_related = ("invoice", "by")
    search_fields = ("key", "reason", "invoice__number", "invoice__customer__email")

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def money(self, order: RefundOrder) -> str:
        """Return the amount as people read it."""
        return money.text(order.amount, currency=order.invoice.currency)


@admin.register(Alert)
class AlertAdmin(MirrorAdmin):
    """What staff should see about money. The open ones come first."""

    list_display = ("kind", "text", "customer", "due_by", "opened_at", "closed_at", "close_link")
    list_filter = (("closed_at", admin.EmptyFieldListFilter), "kind", "opened_at")
    list_select_related = ("customer",)
    search_fields = ("about", "text", "customer__email", "note")
    readonly_fields = ("related", "at_stripe", "close_link")
    date_hierarchy = "opened_at"

    def get_urls(self) -> list[URLPattern]:
        """Add the page that closes one (`admin:billing_alert_close`)."""
        view = self.admin_site.admin_view(self.close)
        return [path("<path:object_id>/close/", view, name="billing_alert_close"), *super().get_urls()]

    def close(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask what was done about an alert, and close it."""
        alert: Alert = acting.row_for(self, request, object_id, needs="billing.change_alert")

        def act(form: CloseForm, by: User) -> str:
            note: str = form.cleaned_data["note"]
            alerts.close(alert, note=note, by=by.pk, now=clock.now())
            return f"Closed: {note}"

        return acting.page(
            self,
            request,
            alert,
            title=_("Close an alert"),
            facts=[(_("What"), alert), (_("Details"), alert.text), (_("At Stripe"), alerts.at_stripe(alert))],
            form=CloseForm(request.POST or None),
            act=act,
            button=_("Close"),
        )

    @admin.display(description=gettext_lazy("close"))
    def close_link(self, alert: Alert) -> SafeString | str:
        """Lead to the page that closes it."""
        if alert.closed_at is not None:
            return ""
        address = reverse("admin:billing_alert_close", args=[alert.pk])
        return format_html('<a href="{}">{}</a>', address, _("Close"))

    @admin.display(description=gettext_lazy("see also"))
    def related(self, alert: Alert) -> SafeString:
        """Link to whom it is about."""
        present = alerts.gift_of(alert)
        if present is not None:
            return row_of(*_about_gift(present))
        if alert.customer is None:
            return row_of()
        return row_of(one(alert.customer), *about_reader(alert.customer.reader_id))

    @admin.display(description=gettext_lazy("at Stripe"))
    def at_stripe(self, alert: Alert) -> SafeString:
        """Link to Stripe's dashboard."""
        return _outside(alerts.at_stripe(alert))


def _facts(invoice: Invoice) -> list[tuple[str, object]]:
    def told(amount: int) -> str:
        return money.text(amount, currency=invoice.currency)

    return [
        (_("Invoice"), invoice),
        (_("Reader"), invoice.customer),
        (_("Paid"), told(invoice.amount_paid)),
        (_("Given back so far"), told(returns.refunded(invoice))),
        (_("Left to give back"), told(returns.left(invoice))),
    ]


def _give_back(invoice: Invoice, form: RefundForm, by: User) -> str:
    order = refunding.refund(invoice, wish=form.wish, by=by, gateway=gateway.default(), now=clock.now())
    amount = money.text(order.amount, currency=invoice.currency)
    ending = "reading ended" if order.access == Access.WITHDRAW else "reading goes on"
    return f"Gave back {amount}, {ending}: {order.reason}"


def _related(row: Refund | Dispute) -> SafeString:
    present = row.present if isinstance(row, Dispute) else None
    return row_of(
        *([one(row.invoice)] if row.invoice else []),
        *([one(row.customer), *about_reader(row.customer.reader_id)] if row.customer else []),
        *(_about_gift(present) if present else []),
    )


def _about_gift(present: Present) -> list[SafeString]:
    return [one(present), *about_reader(present.redeemed_by_id, source=present.source)]


def _outside(address: str) -> SafeString:
    return format_html('<a href="{0}" rel="noopener noreferrer">{0}</a>', address)
