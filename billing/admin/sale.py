"""Plans and prices."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import catalogue, gateway, money
from billing.admin.mirror import MirrorAdmin, MirrorInline
from billing.admin.shelf import ShelfAdmin
from billing.errors import BillingError
from billing.models import Plan, Price


class PriceInline(MirrorInline):
    """A plan's prices."""

    model = Price
    fields = (
        "slug",
        "active",
        "unit_amount",
        "currency",
        "interval",
        "interval_count",
        "trial_days",
        "stripe_id",
    )


@admin.register(Plan)
class PlanAdmin(ShelfAdmin):
    """What is sold."""

    list_display = ("name", "unlocks", "active", "stripe_id")
    list_filter = ("active",)
    search_fields = ("name", "stripe_id")
    inlines = (PriceInline,)
    actions = ("refresh",)

    @admin.action(description=gettext_lazy("Refresh the whole catalogue from Stripe"), permissions=["act"])
    def refresh(self, request: HttpRequest, plans: QuerySet[Plan]) -> None:
        """Fetch plans and prices now."""
        try:
            found = catalogue.refresh(gateway=gateway.default())
        except BillingError as trouble:
            self.message_user(request, str(trouble), messages.ERROR)
            return
        for plan in plans:
            self.log_change(request, plan, "Catalogue refreshed.")
        text = _("%(count)s prices are ours.") % {"count": found.prices}
        if found.refused:
            text += " " + _("Refused: %(plans)s.") % {"plans": ", ".join(found.refused)}
        self.message_user(request, text, messages.WARNING if found.refused else messages.SUCCESS)


@admin.register(Price)
class PriceAdmin(MirrorAdmin):
    """Amounts and intervals."""

    list_display = (
        "__str__",
        "plan",
        "amount",
        "interval_count",
        "interval",
        "trial_days",
        "lasts_hours",
        "gift_months",
        "active",
        "stripe_id",
    )
    list_filter = ("active", "interval", "currency", "plan")
    list_select_related = ("plan",)
    search_fields = ("slug", "stripe_id", "plan__name")

    @admin.display(description=gettext_lazy("amount"), ordering="unit_amount")
    def amount(self, price: Price) -> str:
        """Return the amount as people read it."""
        return "" if price.unit_amount is None else money.text(price.unit_amount, currency=price.currency)
