"""The publisher's rules: a draft is edited here, held against the live version, and published.

What was published is shown as it is for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts import clock
from accounts.admin import ShownOnly
from accounts.models import User
from paywall import rules, shadow
from paywall.errors import RulesRefused
from paywall.models import Product, Rule, RuleSet

if TYPE_CHECKING:
    _RuleForm = forms.ModelForm[Rule]
    _RuleSetForm = forms.ModelForm[RuleSet]
else:
    _RuleForm = _RuleSetForm = forms.ModelForm  # generic to the type checker only

_NAMES = ("articles", "sections", "kinds", "tags", "authors")


def _products() -> list[tuple[str, str]]:
    return list(Product.objects.values_list("slug", "name"))


class NamesField(forms.CharField):
    """Names, one per line or with commas between; kept as a list."""

    def __init__(self, **kwargs: Any) -> None:
        """Allow none."""
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 2, "cols": 18}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        """Show a name a line."""
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        """Return the list."""
        if isinstance(value, list):
            return value
        lines = (value or "").replace(",", "\n").splitlines()
        return [name.strip() for name in lines if name.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare as lists."""
        return bool(self.to_python(initial) != self.to_python(data))


class ProductsField(forms.MultipleChoiceField):
    """Products that open an article; only those that there are."""

    def __init__(self, **kwargs: Any) -> None:
        """Offer the products."""
        super().__init__(required=False, choices=_products, widget=forms.CheckboxSelectMultiple, **kwargs)


class RuleForm(_RuleForm):
    """One rule, its names one per line."""

    articles = NamesField(label=_("articles"), help_text=_("Ids: exceptions."))
    sections = NamesField(label=_("sections"))
    kinds = NamesField(label=_("types"))
    tags = NamesField(label=_("tags"))
    authors = NamesField(label=_("authors"))
    products = ProductsField(label=_("products"))

    class Meta:
        model = Rule
        fields = (
            "position", "name", *_NAMES, "older_than_days", "younger_than_days", "demand", "products",
        )  # fmt: skip


class RuleSetForm(_RuleSetForm):
    """A version as a whole."""

    otherwise_products = ProductsField(label=_("products"))

    class Meta:
        model = RuleSet
        fields = (
            "name", "otherwise_demand", "otherwise_products", "stranger_reads", "reader_reads", "meter_window",
            "meter_days", "meter_zone", "preview_unit", "preview_length",
            "stranger_offer", "reader_offer", "lapsed_offer",
        )  # fmt: skip


class NewDraftForm(_RuleSetForm):
    """A draft begins as what is live."""

    class Meta:
        model = RuleSet
        fields = ("name",)


class PublishForm(forms.Form):
    """Why a version is published, and whether also against those who lose by it."""

    reason = forms.CharField(
        label=_("Reason"), required=False, max_length=1000, widget=forms.Textarea(attrs={"rows": 3})
    )
    force = forms.BooleanField(
        label=_("Publish although readers lose what they have a right to"), required=False
    )


class _OnlyDrafts(ShownOnly):
    """What may be changed while the version is a draft."""

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Only a draft."""
        return super().has_change_permission(request, obj) and _is_open(obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Only a draft."""
        return super().has_delete_permission(request, obj) and _is_open(obj)


class RuleInline(admin.StackedInline):  # type: ignore[type-arg]  # the class takes no argument at run time
    """The rules of a version, in order."""

    model = Rule
    form = RuleForm
    extra = 1
    fieldsets: ClassVar[Any] = [
        (None, {"fields": (("position", "name"), ("demand", "products"))}),
        (_("For articles of"), {"fields": (("sections", "kinds", "tags"), ("authors", "articles"))}),
        (_("At the age of"), {"fields": (("older_than_days", "younger_than_days"),)}),
    ]

    def has_add_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Only to a draft."""
        return request.user.has_perm("paywall.change_ruleset") and _is_open(obj)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Only in a draft."""
        return self.has_add_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Only from a draft."""
        return self.has_add_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """With the version."""
        return request.user.has_perm("paywall.view_ruleset") or request.user.has_perm(
            "paywall.change_ruleset"
        )


@admin.register(RuleSet)
class RuleSetAdmin(_OnlyDrafts):
    """Versions of the rules, newest first."""

    form = RuleSetForm
    list_display = ("name", "state", "published_at", "retired_at", "published_by", "reason", "publish_link")
    list_filter = ("state",)
    search_fields = ("name", "reason")
    inlines = (RuleInline,)
    readonly_fields = ("state", "created_at", "published_at", "retired_at", "published_by", "reason")
    fieldsets: ClassVar[Any] = [
        (None, {"fields": ("name", "state", "created_at")}),
        (_("Published"), {"fields": ("published_at", "retired_at", "published_by", "reason")}),
        (_("Whatever no rule speaks of"), {"fields": ("otherwise_demand", "otherwise_products")}),
        (
            _("Free reads"),
            {"fields": (("stranger_reads", "reader_reads"), ("meter_window", "meter_days", "meter_zone"))},
        ),
        (_("Preview"), {"fields": (("preview_unit", "preview_length"),)}),
        (_("Offered first"), {"fields": (("stranger_offer", "reader_offer", "lapsed_offer"),)}),
    ]

    def get_urls(self) -> list[URLPattern]:
        """Add the page that publishes (`admin:paywall_ruleset_publish`)."""
        publish = self.admin_site.admin_view(self.publish)
        page = path("<path:object_id>/publish/", publish, name="paywall_ruleset_publish")
        return [page, *super().get_urls()]

    def get_fieldsets(self, request: HttpRequest, obj: RuleSet | None = None) -> Any:
        """Ask only for a name at first."""
        return self.fieldsets if obj is not None else [(None, {"fields": ("name",)})]

    def get_form(self, request: HttpRequest, obj: RuleSet | None = None, *args: Any, **kwargs: Any) -> Any:
        """Ask only for a name at first."""
        if obj is None:
            kwargs["form"] = NewDraftForm
        return super().get_form(request, obj, *args, **kwargs)

    def get_inline_instances(self, request: HttpRequest, obj: RuleSet | None = None) -> Any:
        """Show rules where there is a version."""
        return super().get_inline_instances(request, obj) if obj is not None else []

    def save_model(self, request: HttpRequest, obj: RuleSet, form: Any, change: bool) -> None:  # noqa: FBT001  Django's
        """Begin a draft as what is live; change nothing that was published meanwhile.

        :raises PermissionDenied: it was published while somebody edited it.
        """
        if not change:
            obj.__dict__.update(rules.draft(name=obj.name, now=clock.now()).__dict__)
            return
        if not RuleSet.objects.select_for_update().get(pk=obj.pk).is_draft:
            raise PermissionDenied
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: RuleSet) -> None:
        """Delete a draft.

        :raises PermissionDenied: it was published a moment ago.
        """
        try:
            rules.discard(obj)
        except RulesRefused as refused:
            raise PermissionDenied from refused

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[RuleSet]) -> None:
        """Delete drafts, likewise."""
        for row in queryset:
            self.delete_model(request, row)

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:  # noqa: FBT001  Django's
        """Save the rules, then say what cannot be meant."""
        super().save_related(request, form, formsets, change)
        for told in rules.mistakes(RuleSet.objects.get(pk=form.instance.pk)) if change else ():
            messages.warning(request, told)

    def response_add(self, request: HttpRequest, obj: RuleSet, *_args: Any, **_kwargs: Any) -> HttpResponse:
        """Go on to the draft."""
        return HttpResponseRedirect(reverse("admin:paywall_ruleset_change", args=[obj.pk]))

    @admin.display(description=_("publish"))
    def publish_link(self, row: RuleSet) -> SafeString | str:
        """Lead from a draft to the page that publishes it."""
        if not row.is_draft:
            return ""
        return format_html(
            '<a href="{}">{}</a>',
            reverse("admin:paywall_ruleset_publish", args=[row.pk]),
            _("compare, publish"),
        )

    def publish(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show who would gain and who would lose by a draft; publish it."""
        if not request.user.has_perm("paywall.publish_ruleset"):
            raise PermissionDenied
        draft = self.get_object(request, unquote(object_id))
        if draft is None or not draft.is_draft:
            raise Http404
        form = PublishForm(request.POST or None)
        if form.is_valid() and self._publish(request, draft, form):
            return HttpResponseRedirect(reverse("admin:paywall_ruleset_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": _("Publish rules"),
            "draft": draft,
            "form": form,
            "mistakes": (mistakes := rules.mistakes(draft)),
            "report": shadow.run(draft, now=clock.now()) if not mistakes else None,
        }
        return TemplateResponse(request, "admin/paywall/ruleset/publish.html", context)

    def _publish(self, request: HttpRequest, draft: RuleSet, form: PublishForm) -> bool:
        said = form.cleaned_data
        staff = request.user if isinstance(request.user, User) else None
        try:
            shadow.publish(draft, by=staff, now=clock.now(), reason=said["reason"], is_forced=said["force"])
        except RulesRefused as refused:
            form.add_error(None, str(refused))
            return False
        self.log_change(request, draft, f"Published. {said['reason']}".strip())
        messages.success(request, gettext("These rules are live."))
        return True


def _is_open(obj: models.Model | None) -> bool:
    return not isinstance(obj, RuleSet) or obj.is_draft
