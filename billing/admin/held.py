"""What readers hold without a subscription. Staff give, extend and end free access, each with a reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.widgets import AdminSplitDateTime
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import clock
from accounts.admin import ShownOnly
from accounts.models import User
from billing import comps, gateway, money, presents
from billing.admin.forms import ReasonForm
from billing.admin.mirror import MirrorAdmin, MirrorInline, about_reader, listing, one, row_of
from billing.errors import BillingError, CompRefused
from billing.models import Comp, DayPass, Present
from paywall import entitlements

if TYPE_CHECKING:
    _CompForm = forms.ModelForm[Comp]
else:
    _CompForm = forms.ModelForm  # generic to the type checker only


class CompForm(_CompForm):
    """To whom, what, until when and why: none of them may be left out."""

    products = forms.MultipleChoiceField(
        label=gettext_lazy("opens"),
        choices=lambda: list(entitlements.product_names().items()),
        widget=forms.CheckboxSelectMultiple,
    )
    reason = forms.CharField(
        label=gettext_lazy("reason"), max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )

    class Meta:
        model = Comp
        fields = ("reader", "products", "ends_at", "reason")

    def clean(self) -> dict[str, Any] | None:
        """Say beside the form what could not be given so."""
        asked = super().clean()
        if self.errors or asked is None:
            return asked
        try:
            comps.check(
                asked["reader"],
                products=asked["products"],
                until=asked["ends_at"],
                reason=asked["reason"],
                now=clock.now(),
            )
        except CompRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return asked


class CompActionForm(ReasonForm):
    """Asks beside the chosen action why, and until when."""

    until = forms.SplitDateTimeField(label=gettext_lazy("New end"), required=False, widget=AdminSplitDateTime)


class CompInline(MirrorInline):
    """A reader's free access."""

    model = Comp
    fk_name = "reader"
    fields = ("products", "starts_at", "ends_at", "ended_at", "reason")


@admin.register(Comp)
class CompAdmin(MirrorAdmin):
    """Free access. It is given here, and changed by the actions of the list."""

    form = CompForm
    list_display = ("id", "reader", "opens", "starts_at", "ends_at", "ended_at", "given_by", "reason")
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "ends_at", "starts_at")
    list_select_related = ("reader", "given_by")
    search_fields = ("=id", "reader__email", "reader__public_id", "reason")
    raw_id_fields = ("reader",)
    readonly_fields = ("related",)
    action_form = CompActionForm
    actions = ("extend", "end")

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Whoever has the right to."""
        return request.user.has_perm("billing.add_comp")

    def get_fields(self, request: HttpRequest, obj: Comp | None = None) -> Any:
        """Ask for four things; show all."""
        asked = ("reader", "products", "ends_at", "reason")
        if obj is None:
            return asked
        return ("related", *asked, "starts_at", "given_by", "ended_at", "end_reason")

    def save_model(self, request: HttpRequest, obj: Comp, form: Any, change: bool) -> None:  # noqa: FBT001, ARG002  Django passes it so
        """Give it as everybody's function does; the form's row becomes the one given."""
        asked = form.cleaned_data
        given = comps.give(
            asked["reader"],
            products=asked["products"],
            until=asked["ends_at"],
            reason=asked["reason"],
            by=_staff(request),
            now=clock.now(),
        )
        obj.pk, obj.products = given.pk, given.products

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:  # noqa: ARG002  the same
        """Keep why in Django's own log."""
        return super().log_addition(request, obj, f"Given. {obj.reason}")

    @admin.display(description=gettext_lazy("opens"))
    def opens(self, comp: Comp) -> str:
        """Name the products."""
        return ", ".join(comp.products)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, comp: Comp) -> SafeString:
        """Link to the reader and to what it gives."""
        return row_of(*about_reader(comp.reader_id, source=comp.source))

    @admin.action(description=gettext_lazy("Extend until the new end"), permissions=["act"])
    def extend(self, request: HttpRequest, chosen: QuerySet[Comp]) -> None:
        """Let the chosen ones end later."""
        field = CompActionForm.base_fields["until"]
        until = field.clean(field.widget.value_from_datadict(request.POST, request.FILES, "until"))
        if until is None:
            messages.error(request, _("Please say until when."))
            return
        for comp in chosen.select_related("reader"):
            self._change(request, comp, "Extended", until=until)

    @admin.action(description=gettext_lazy("End now"), permissions=["act"])
    def end(self, request: HttpRequest, chosen: QuerySet[Comp]) -> None:
        """End the chosen ones."""
        for comp in chosen.select_related("reader"):
            self._change(request, comp, "Ended")

    def _change(self, request: HttpRequest, comp: Comp, what: str, **until: Any) -> None:
        reason = request.POST.get("reason", "")
        change = comps.extend if until else comps.end
        try:
            changed = change(comp, reason=reason, now=clock.now(), **until)
        except CompRefused as refusal:
            messages.error(request, f"{comp}: {refusal}")
            return
        self.log_change(request, changed, f"{what}. {reason.strip()}")
        messages.success(request, f"{comp.reader}: {changed}")


@admin.register(DayPass)
class DayPassAdmin(MirrorAdmin):
    """What was paid once, for some hours."""

    list_display = (
        "stripe_id",
        "customer",
        "price",
        "paid",
        "status",
        "starts_at",
        "ends_at",
        "withdrawn_because",
    )
    list_filter = ("status", "withdrawn_because", "price", "starts_at")
    list_select_related = ("customer", "price")
    search_fields = ("stripe_id", "customer__email", "customer__stripe_id", "customer__reader__email")
    date_hierarchy = "starts_at"
    readonly_fields = ("related",)

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def paid(self, row: DayPass) -> str:
        """Return the amount as people read it."""
        return money.text(row.amount, currency=row.currency)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, row: DayPass) -> SafeString:
        """Link to all that belongs to this pass."""
        return row_of(
            one(row.customer),
            *about_reader(row.customer.reader_id, source=row.source),
            listing(_("events"), "billing_stripeevent", customer_id__exact=row.customer.stripe_id),
        )


@admin.register(Present)
class PresentAdmin(ShownOnly, MirrorAdmin):
    """Gift subscriptions. The code is not shown: whoever has it may redeem it."""

    list_display = (
        "id", "price", "amount_paid", "giver_email", "recipient_email", "made_at", "paid_at", "redeemed_at",
        "redeemed_by", "voided_at", "dispute", "is_refunded",
    )  # fmt: skip
    list_filter = (
        ("paid_at", admin.EmptyFieldListFilter),
        ("redeemed_at", admin.EmptyFieldListFilter),
        ("voided_at", admin.EmptyFieldListFilter),
        "dispute",
        "is_refunded",
        "price",
        "made_at",
    )
    list_select_related = ("price", "redeemed_by")
    search_fields = (
        "=id",
        "giver_email",
        "recipient_email",
        "redeemed_by__email",
        "payment_id",
        "session_id",
    )
    fields = (
        "related", "price", "products", "months", "amount_paid", "giver", "giver_email", "giver_name",
        "recipient_email", "send_on", "told_at", "made_at", "paid_at", "payment_id", "expires_at", "redeemed_at",
        "redeemed_by", "starts_at", "ends_at", "voided_at", "void_reason", "dispute", "is_refunded",
        "withdrawn_because",
    )  # fmt: skip
    readonly_fields = ("related", "amount_paid")
    date_hierarchy = "made_at"
    action_form = ReasonForm
    actions = ("refund",)

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def amount_paid(self, row: Present) -> str:
        """Return the amount as people read it."""
        return money.text(row.amount, currency=row.currency)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, row: Present) -> SafeString:
        """Link to whoever redeemed it, and to what it gives."""
        return row_of(*about_reader(row.redeemed_by_id, source=row.source))

    @admin.action(description=gettext_lazy("Give the money back (not redeemed yet)"), permissions=["act"])
    def refund(self, request: HttpRequest, chosen: QuerySet[Present]) -> None:
        """Void the chosen ones and refund them."""
        reason = request.POST.get("reason", "")
        for present in chosen:
            try:
                presents.refund(present, reason=reason, gateway=gateway.default(), now=clock.now())
            except BillingError as trouble:
                messages.error(request, f"{present}: {trouble}")
                continue
            self.log_change(request, present, f"Given back. {reason.strip()}")
            messages.success(request, _("%(gift)s is void and refunded.") % {"gift": present})


def _staff(request: HttpRequest) -> User:
    return cast("User", request.user)


# As with customers, the page of a reader learns here what they hold.
_of_readers = admin.site.get_model_admin(User)
type(_of_readers).inlines = (*_of_readers.inlines, CompInline)
