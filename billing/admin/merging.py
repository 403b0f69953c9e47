"""Staff merge two customers of one reader: they choose which one stays, and say why."""

from __future__ import annotations

from typing import Any

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


class MergeForm(forms.Form):
    """Which of the two stays, and why they are one."""

    stays = forms.ModelChoiceField(
        label=gettext_lazy("New purchases go to"),
        queryset=Customer.objects.none(),
        widget=forms.RadioSelect,
        empty_label=None,
    )
    reason = forms.CharField(label=gettext_lazy("Reason"), max_length=1000)

    def __init__(self, *args: Any, customers: QuerySet[Customer], **options: Any) -> None:
        super().__init__(*args, **options)
        field = self.fields["stays"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  tells the type checker what was declared above
        field.queryset = customers
        field.label_from_instance = _described  # type: ignore[method-assign]


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


def _described(customer: Customer) -> str:
    held = ", ".join(f"{row.stripe_id} ({row.status})" for row in customer.subscriptions.all())
    return f"{customer.email} · {customer.stripe_id} · {held or _('no subscription')}"
