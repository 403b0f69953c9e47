"""Institutions: what each opens, by which networks and e-mail domains its readers are known, and how much they read."""

from __future__ import annotations

import csv
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.admin import ShownOnly
from paywall import usage
from paywall.admin.rules import ProductsField
from paywall.models import DirectoryVersion, EmailDomain, Institution, Network

if TYPE_CHECKING:
    _InstitutionForm = forms.ModelForm[Institution]
    _Networks = forms.BaseInlineFormSet[Network, Institution, Any]
else:
    _InstitutionForm = forms.ModelForm  # generic to the type checker only
    _Networks = forms.BaseInlineFormSet

_MONTHS_SHOWN = 12


class InstitutionForm(_InstitutionForm):
    """An institution opens at least one product."""

    products = ProductsField(label=_("opens"))

    class Meta:
        model = Institution
        fields = ("name", "products", "starts_at", "ends_at", "is_active", "message")

    def clean_products(self) -> list[str]:
        """Refuse an institution that would open nothing."""
        chosen: list[str] = self.cleaned_data["products"]
        if not chosen:
            raise forms.ValidationError(gettext("Choose what it opens."))
        return chosen


class NetworksFormSet(_Networks):
    """Networks that are stored together must not share addresses either."""

    def clean(self) -> None:
        """Compare those of this page with one another; each was compared with all stored ones."""
        super().clean()
        rows = [form.instance for form in self.forms if form.is_valid() and form.instance.first]
        for one, other in combinations(rows, 2):
            if one.first <= other.last and other.first <= one.last:
                raise forms.ValidationError(
                    gettext("%(one)s and %(other)s share addresses.") % {"one": one.cidr, "other": other.cidr}
                )


class NetworkInline(admin.TabularInline):  # type: ignore[type-arg]  # the class takes no argument at run time
    """Its networks."""

    model = Network
    formset = NetworksFormSet
    extra = 1


class EmailDomainInline(admin.TabularInline):  # type: ignore[type-arg]  # the class takes no argument at run time
    """Its e-mail domains."""

    model = EmailDomain
    extra = 1


@admin.register(Institution)
class InstitutionAdmin(ShownOnly):
    """Whose readers are known by where they come from."""

    form = InstitutionForm
    list_display = ("name", "opens", "known_by", "starts_at", "ends_at", "is_active")
    list_filter = ("is_active", "ends_at")
    search_fields = ("name", "networks__cidr", "domains__domain")
    readonly_fields = ("usage_by_month",)
    inlines: ClassVar[Any] = (NetworkInline, EmailDomainInline)
    actions = ("export_usage",)
    fields = ("name", "products", "starts_at", "ends_at", "is_active", "message", "usage_by_month")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Institution]:
        """Count by what each is known."""
        rows: QuerySet[Institution] = super().get_queryset(request)
        return rows.annotate(
            network_count=models.Count("networks", distinct=True),
            domain_count=models.Count("domains", distinct=True),
        )

    def get_urls(self) -> list[URLPattern]:
        """Add the file with all usage (`admin:paywall_institution_usage`)."""
        page = path("usage.csv", self.admin_site.admin_view(self.usage), name="paywall_institution_usage")
        return [page, *super().get_urls()]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Let two who store networks at once follow one another, so that the second is told of the first's."""
        with transaction.atomic():
            if request.method == "POST":
                DirectoryVersion.lock()
            return super().changeform_view(request, *args, **kwargs)

    @admin.display(description=_("opens"))
    def opens(self, row: Institution) -> str:
        """Name the products."""
        return ", ".join(row.products)

    @admin.display(description=_("known by"))
    def known_by(self, row: Any) -> str:
        """Count networks and domains, and say where that means nobody."""
        if not (row.network_count or row.domain_count):
            return gettext("nothing: it opens to nobody")
        told = (
            ngettext("%d network", "%d networks", row.network_count) % row.network_count,
            ngettext("%d e-mail domain", "%d e-mail domains", row.domain_count) % row.domain_count,
        )
        return ", ".join(told)

    @admin.display(description=_("opened articles"))
    def usage_by_month(self, row: Institution) -> SafeString:
        """Show the latest months."""
        months = usage.by_month([row])[:_MONTHS_SHOWN] if row.pk else ()
        lines = ((f"{each.month:%Y-%m}", each.opens, each.articles) for each in months)
        return format_html(
            "<table><tr><th>{}</th><th>{}</th><th>{}</th></tr>{}</table>",
            gettext("Month"),
            gettext("Opened"),
            gettext("Different articles"),
            format_html_join("", "<tr><td>{}</td><td>{}</td><td>{}</td></tr>", lines),
        )

    @admin.action(description=_("Export usage (CSV)"), permissions=["view"])
    def export_usage(self, request: HttpRequest, queryset: QuerySet[Institution]) -> HttpResponse:
        """Hand out the usage of the chosen institutions."""
        return _csv(queryset)

    def usage(self, request: HttpRequest) -> HttpResponse:
        """Hand out the usage of all institutions."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return _csv(Institution.objects.all())


def _csv(institutions: QuerySet[Institution]) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="institutions.csv"'
    lines = csv.writer(answer)
    lines.writerow(("month", "institution", "opens", "distinct_articles"))
    for each in usage.by_month(institutions):
        lines.writerow((f"{each.month:%Y-%m}", _inert(each.institution), each.opens, each.articles))
    return answer


def _inert(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if text[:1] in "=+-@\t\r" else text
