"""Staff merge two customers of one reader: they choose which one stays, and say why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import clock
from billing import gateway, merging
from billing.admin.mirror import MirrorAdmin
from billing.errors import BillingError, MergeRefused
from billing.models import Customer

if TYPE_CHECKING:
    _Choice = forms.ModelChoiceField[Customer]
else:  # generic to the type checker only
    _Choice = forms.ModelChoiceField


class CustomerChoice(_Choice):
    """Customers, each with what they hold."""

    def label_from_instance(self, obj: Customer) -> str:
        """Describe a customer."""
        held = ", ".join(f"{row.stripe_id} ({row.status})" for row in obj.subscriptions.all())
        return f"{obj.email} · {obj.stripe_id} · {held or _('no subscription')}"


class MergeForm(forms.Form):
    """Which of the two stays, and why they are one."""

    stays = CustomerChoice(
        label=gettext_lazy("New purchases go to"),
        queryset=Customer.objects.none(),
        widget=forms.RadioSelect,
        empty_label=None,
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=1000)

    def __init__(self, *args: Any, customers: QuerySet[Customer], **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["stays"]
        if isinstance(field, CustomerChoice):
            field.queryset = customers


@admin.action(description=gettext_lazy("Merge two customers of one reader"), permissions=["act"])
def merge_customers(
    staff: MirrorAdmin, request: HttpRequest, customers: QuerySet[Customer]
) -> HttpResponse | None:
    """Ask which one stays; then merge."""
    if customers.count() != 2:
        staff.message_user(request, _("Choose exactly two customers."), messages.ERROR)
        return None
    form = MergeForm(request.POST if "stays" in request.POST else None, customers=customers)
    if form.is_valid():
        _merge(staff, request, list(customers), form.cleaned_data)
        return None
    context = {
        **staff.admin_site.each_context(request),
        "title": _("Merge two customers of one reader"),
        "form": form,
        "customers": customers,
        "checkbox": ACTION_CHECKBOX_NAME,
    }
    return TemplateResponse(request, "admin/billing/customer/merge.html", context)


def _merge(staff: MirrorAdmin, request: HttpRequest, both: list[Customer], said: dict[str, Any]) -> None:
    stays = said["stays"]
    goes = next(customer for customer in both if customer != stays)
    try:
        done = merging.merge(stays=stays, goes=goes, gateway=gateway.default(), now=clock.now())
    except MergeRefused as refusal:
        staff.message_user(request, str(refusal), messages.ERROR)
        return
    except BillingError:
        staff.message_user(request, _("Stripe did not answer. Please merge them again."), messages.ERROR)
        return
    staff.log_change(request, goes, f"Merged into {stays.stripe_id}. {said['reason']}")
    staff.log_change(request, stays, f"Took over {goes.stripe_id}. {said['reason']}")
    staff.message_user(request, _("%(goes)s now belongs to %(stays)s.") % {"goes": goes, "stays": stays})
    for name in done.ending:
        text = _("%(subscription)s ends with its period: the reader holds the same elsewhere.")
        staff.message_user(request, text % {"subscription": name})
    for name in done.doubtful:
        text = _("%(subscription)s gives what the reader holds elsewhere. Decide which one ends.")
        staff.message_user(request, text % {"subscription": name}, messages.WARNING)
