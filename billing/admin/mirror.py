"""How staff see what only Stripe and our own processes write; and the links between what belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
    _Inline = admin.TabularInline[Any, Any]
else:  # generic to the type checker only
    _Admin = admin.ModelAdmin
    _Inline = admin.TabularInline


class MirrorAdmin(_Admin):
    """A table that only Stripe and our own processes write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds rows by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody edits rows by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes rows by hand."""
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Actions need the right that editing would need, if editing made sense."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")


class MirrorInline(_Inline):
    """Rows shown with the row that they belong to."""

    extra = 0
    can_delete = False
    show_change_link = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


def about_reader(reader: int | None, *, source: str = "") -> list[SafeString]:
    if reader is None:
        return []
    narrowed = {"source__exact": source} if source else {}
    return [
        format_html('<a href="{}">{}</a>', reverse("admin:accounts_user_change", args=[reader]), _("reader")),
        listing(_("subscriptions"), "billing_subscription", customer__reader__id__exact=reader),
        listing(_("entitlements"), "paywall_entitlement", reader__id__exact=reader, **narrowed),
        listing(_("mails"), "accounts_mail", reader__id__exact=reader),
    ]


def one(row: Model) -> SafeString:
    options = row._meta
    address = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{} {}</a>', address, options.verbose_name, row)


def listing(text: str, model: str, **narrowed: Any) -> SafeString:
    return format_html(
        '<a href="{}?{}">{}</a>', reverse(f"admin:{model}_changelist"), urlencode(narrowed), text
    )


def row_of(*links: SafeString) -> SafeString:
    return format_html_join(" · ", "{}", ((link,) for link in links))
