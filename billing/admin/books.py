"""The books: what was billed for which time, and the page with the figures of revenue."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import clock
from billing import books, money, revenue
from billing.admin.mirror import MirrorAdmin
from billing.models import BilledTime

_LATELY = timedelta(days=30)
_WIDTH, _HEIGHT = 720, 160


class RevenueForm(forms.Form):
    """Which days, and how they are put together."""

    first = forms.DateField(label=gettext_lazy("from"), widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=gettext_lazy("to"), widget=forms.DateInput(attrs={"type": "date"}))
    by = forms.ChoiceField(
        label=gettext_lazy("by"), choices=[("day", gettext_lazy("day")), ("month", gettext_lazy("month"))]
    )

    def clean(self) -> dict[str, object]:
        """Refuse days that no table can hold."""
        said = super().clean() or {}
        first, last = said.get("first"), said.get("last")
        if first and last and not books.can_tell(first, last):
            raise forms.ValidationError(
                _("The first day has to be before the last, by %(count)s days at most.")
                % {"count": books.LONGEST.days}
            )
        return said


@dataclass(frozen=True, slots=True)
class _Row:
    """A line of the table; money as people read it."""

    told: revenue.Figures
    mrr: str
    paid: str
    recovered: str
    is_proven: bool


@dataclass(frozen=True, slots=True)
class _Sheet:
    """All of one currency. `points` draws the MRR; the table says the same in figures."""

    currency: str
    rows: tuple[_Row, ...]
    points: str
    least: str
    most: str


@admin.register(BilledTime)
class BilledTimeAdmin(MirrorAdmin):
    """What was billed for which time: what MRR is added up from."""

    list_display = ("subscription", "amount", "starts_at", "ends_at")
    list_filter = ("currency", "starts_at")
    list_select_related = ("subscription",)
    search_fields = ("subscription__stripe_id", "subscription__customer__email")
    date_hierarchy = "starts_at"
    change_list_template = "admin/billing/billedtime/change_list.html"

    def get_urls(self) -> list[URLPattern]:
        """Add the page with the figures (`admin:billing_revenue`)."""
        page = path("revenue/", self.admin_site.admin_view(self.revenue), name="billing_revenue")
        return [page, *super().get_urls()]

    @admin.display(description=gettext_lazy("a month"), ordering="monthly")
    def amount(self, row: BilledTime) -> str:
        """Return the amount as people read it."""
        return money.text(row.monthly, currency=row.currency)

    def revenue(self, request: HttpRequest) -> HttpResponse:
        """Show the figures, or give them as CSV."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        yesterday = clock.now().date() - timedelta(days=1)
        usual = {"first": yesterday - _LATELY, "last": yesterday, "by": "day"}
        form = RevenueForm({name: request.GET.get(name) or value for name, value in usual.items()})
        context = {**self.admin_site.each_context(request), "title": _("Revenue"), "form": form}
        if form.is_valid():
            told = books.report(first=form.cleaned_data["first"], last=form.cleaned_data["last"])
            is_monthly = form.cleaned_data["by"] == "month"
            rows = revenue.by_month(told.days) if is_monthly else list(told.days)
            if request.GET.get("form") == "csv":
                return _as_csv(told, rows)
            context |= {"report": told, "is_monthly": is_monthly, "sheets": _sheets(told, rows)}
        return TemplateResponse(request, "admin/billing/revenue.html", context)


def _as_csv(told: books.Report, rows: list[revenue.Figures]) -> HttpResponse:
    answer = HttpResponse(content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="revenue-{told.first}-{told.last}.csv"'
    books.write_csv(answer, rows)
    return answer


def _sheets(told: books.Report, rows: list[revenue.Figures]) -> list[_Sheet]:
    return [_sheet(told, [row for row in rows if row.currency == one]) for one in told.currencies]


def _sheet(told: books.Report, rows: list[revenue.Figures]) -> _Sheet:
    currency, values = rows[0].currency, [row.mrr for row in rows]
    return _Sheet(
        currency=currency.upper(),
        rows=tuple(
            _Row(
                told=row,
                mrr=money.text(row.mrr, currency=currency),
                paid=money.text(row.paid, currency=currency),
                recovered=money.text(row.recovered_amount, currency=currency),
                is_proven=told.is_proven(after - timedelta(days=1)),
            )
            for row, after in zip(rows, _days_after(told, rows), strict=True)
        ),
        points=_line(values),
        least=money.text(min(values), currency=currency),
        most=money.text(max(values), currency=currency),
    )


def _days_after(told: books.Report, rows: list[revenue.Figures]) -> list[date]:
    """Return the day after each row, which may be a month."""
    return [*(row.day for row in rows[1:]), told.last + timedelta(days=1)]


def _line(values: list[int]) -> str:
    """Return the points of a line from zero up to the highest value."""
    step, top = _WIDTH / max(1, len(values) - 1), max([*values, 1])
    return " ".join(
        f"{index * step:.1f},{_HEIGHT - value * _HEIGHT / top:.1f}" for index, value in enumerate(values)
    )
