"""What staff see: products, articles as stated, every reader's rights and gifts, and why somebody may read.

Articles are the CMS's to state and rights are their sources' to state, so both are read-only here. Bodies are not
shown: staff read at the newspaper.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts import clock
from accounts.admin import ShownOnly
from accounts.models import User
from paywall import access, answers, articles, entitlements, explanation, giving, perspectives, timeline
from paywall.errors import ArticleUnknown
from paywall.models import Article, Entitlement, Gift, Product

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = admin.ModelAdmin  # generic to the type checker only


# How far the page that explains looks back.
_TIMELINE = timedelta(days=90)
_WITHIN_TIME = [MinValueValidator(explanation.EARLIEST), MaxValueValidator(explanation.LATEST)]


class ReadOnly(ShownOnly):
    """A list that staff may look at and nobody may change here."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Never: rows come from elsewhere."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Never: rows come from elsewhere."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Never: rows come from elsewhere."""
        return False


@admin.register(Product)
class ProductAdmin(_Admin):
    """Products may be added and described; their names in the API stay, since plans and articles use them."""

    list_display = ("name", "slug", "description")
    search_fields = ("name", "slug")

    def get_readonly_fields(self, request: HttpRequest, obj: Product | None = None) -> tuple[str, ...]:
        """Fix the name in the API once it is in use."""
        return () if obj is None else ("slug",)

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Never: an article that asks for a missing product would open to nobody."""
        return False


class ExplainForm(forms.Form):
    """Whose access to what is to be explained, for which moment, by what was known when."""

    reader = forms.CharField(
        required=False, label=_("Reader"), help_text=_("E-mail address or public id; empty for a stranger.")
    )
    article = forms.CharField(label=_("Article"), help_text=_("Id or address."))
    network = forms.GenericIPAddressField(
        required=False,
        label=_("Network address"),
        help_text=_("From where the reader comes; empty for anywhere."),
    )
    agent = forms.CharField(
        required=False,
        max_length=500,
        label=_("User agent"),
        help_text=_("Of a client that says it is a crawler."),
    )
    at = forms.DateTimeField(
        required=False,
        validators=_WITHIN_TIME,
        label=_("At"),
        help_text=_("UTC; empty for now."),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S"),
    )
    known_at = forms.DateTimeField(
        required=False,
        validators=_WITHIN_TIME,
        label=_("Known at"),
        help_text=_(
            "UTC; empty for all that we know now. Set it to the moment itself for what the reader saw."
        ),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local", "step": 1}, format="%Y-%m-%dT%H:%M:%S"),
    )

    def clean_reader(self) -> User | None:
        """Find the reader."""
        named = self.cleaned_data["reader"].strip()
        if not named:
            return None
        reader = User.objects.filter(models.Q(email=named.lower()) | models.Q(public_id=named)).first()
        if reader is None:
            raise forms.ValidationError(gettext("There is no such reader."))
        return reader

    def clean_article(self) -> Article:
        """Find the article."""
        named = self.cleaned_data["article"].strip()
        if "/" in named:
            found = articles.at([named])
            if found is None:
                raise forms.ValidationError(
                    gettext("No article, or more than one, is known at this address.")
                )
            return found
        try:
            return articles.for_decision(named)
        except ArticleUnknown as error:
            raise forms.ValidationError(gettext("There is no such article.")) from error


@admin.register(Article)
class ArticleAdmin(ReadOnly):
    """Articles as the CMS stated them, and the way to the explanation of any decision about them."""

    list_display = ("title", "id", "section", "demand", "asks_for", "published_at", "explain_link")
    list_filter = ("demand", "section", "published_at")
    search_fields = ("id", "title", "url")
    exclude = ("body",)
    date_hierarchy = "published_at"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Article]:
        """Leave the bodies where they are."""
        return super().get_queryset(request).defer("body")

    def get_urls(self) -> list[URLPattern]:
        """Add the pages that explain (`admin:paywall_explain`) and that show an article as everybody sees it."""
        explain = path("explain/", self.admin_site.admin_view(self.explain), name="paywall_explain")
        view = self.admin_site.admin_view(self.perspectives)
        perspectives = path("<path:object_id>/perspectives/", view, name="paywall_article_perspectives")
        return [explain, perspectives, *super().get_urls()]

    @admin.display(description=_("products"))
    def asks_for(self, article: Article) -> str:
        """Name the products."""
        return ", ".join(article.products)

    @admin.display(description=_("explain"))
    def explain_link(self, article: Article) -> SafeString:
        """Lead to the explanation, with the article filled in."""
        return format_html('<a href="{}">{}</a>', explain_url(article=article.id), _("explain"))

    def perspectives(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show one article as a stranger, a subscriber, somebody whose card failed … see it."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        try:
            article = articles.for_decision(unquote(object_id))
        except ArticleUnknown as error:
            raise Http404 from error
        now = clock.now()
        seen = perspectives.of(article, now=now)
        told = answers.to_many(None, [(article, each.decision) for each in seen], now=now)
        context = {
            **self.admin_site.each_context(request),
            "title": _("As everybody sees it"),
            "article": article,
            "rows": list(zip(seen, told, strict=True)),
        }
        return TemplateResponse(request, "admin/paywall/article/perspectives.html", context)

    def explain(self, request: HttpRequest) -> HttpResponse:
        """Show why somebody may or may not read something, now or at any moment."""
        if not (
            request.user.has_perm("paywall.view_entitlement")
            and request.user.has_perm("paywall.view_article")
        ):
            raise PermissionDenied
        form = ExplainForm(request.GET if "article" in request.GET else None, initial=request.GET.dict())
        context = {**self.admin_site.each_context(request), "title": _("Explain an access"), "form": form}
        if form.is_valid():
            context |= _explained(form.cleaned_data, now=clock.now())
        return TemplateResponse(request, "admin/paywall/explain.html", context)


@admin.register(Entitlement)
class EntitlementAdmin(ReadOnly):
    """Every right that anybody ever had, from when to when, and from when to when we knew."""

    list_display = (
        "reader_link",
        "product",
        "standing",
        "source_link",
        "starts_at",
        "ends_at",
        "grace_until",
        "suspension",
        "recorded_at",
        "superseded_at",
    )
    list_display_links = ("product",)
    list_filter = (("superseded_at", admin.EmptyFieldListFilter), "product", "suspension", "recorded_at")
    list_select_related = ("reader", "product")
    search_fields = ("reader__email", "reader__public_id", "source")
    readonly_fields: ClassVar[tuple[str, ...]] = ("reader_link", "source_link", "standing")
    exclude = ("reader", "source")

    @admin.display(description=_("reader"), ordering="reader__email")
    def reader_link(self, row: Entitlement) -> SafeString | str:
        """Lead to the reader."""
        return _linked(row.reader.email, "admin:accounts_user_change", row.reader_id)

    @admin.display(description=_("source"), ordering="source")
    def source_link(self, row: Entitlement) -> SafeString | str:
        """Lead to whatever gave the right, where that has a page."""
        kind, _separator, name = row.source.partition(":")
        page = {
            "subscription": "admin:billing_subscription_changelist",
            "seat": "admin:billing_seat_changelist",
            "comp": "admin:billing_comp_changelist",
            "gift": "admin:billing_present_changelist",
            "pass": "admin:billing_daypass_changelist",
        }.get(kind)
        return _linked(row.source, page, q=name) if page else row.source

    @admin.display(description=_("stands"))
    def standing(self, row: Entitlement) -> str:
        """Tell what the right is worth now; nothing for one that is history."""
        return "" if row.superseded_at is not None else entitlements.grant_of(row).standing(at=clock.now())


class ReasonForm(ActionForm):
    """Asks beside the chosen action why."""

    reason = forms.CharField(label=_("Reason"), required=False, max_length=1000)


@admin.register(Gift)
class GiftAdmin(ReadOnly):
    """What subscribers gave away; the code is not shown, since it opens the article. Staff may take a gift back."""

    list_display = ("key", "article", "giver_link", "made_at", "expires_at", "openings", "revoked_at")
    list_filter = (("revoked_at", admin.EmptyFieldListFilter), "made_at")
    list_select_related = ("giver",)
    search_fields = ("key", "article", "giver__email", "giver__public_id")
    fields = readonly_fields = (
        "key", "article", "giver_link", "made_at", "expires_at", "openings", "revoked_at",
    )  # fmt: skip
    action_form = ReasonForm
    actions = ("take_back",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Gift]:
        """Count who accepted."""
        return Gift.objects.with_openings()

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Actions need the right that editing would need, if editing made sense."""
        return request.user.has_perm("paywall.change_gift")

    @admin.display(description=_("giver"), ordering="giver__email")
    def giver_link(self, gift: Gift) -> SafeString | str:
        """Lead to the giver."""
        return _linked(gift.giver.email, "admin:accounts_user_change", gift.giver_id)

    @admin.display(description=_("accepted"))
    def openings(self, gift: Gift) -> str:
        """Tell how many of how many."""
        return f"{gift.accepted} / {gift.limit}"

    @admin.action(description=_("Take back"), permissions=["act"])
    def take_back(self, request: HttpRequest, chosen: QuerySet[Gift]) -> None:
        """Let the chosen gifts open nothing any more; why is kept in their history."""
        reason = request.POST.get("reason", "").strip()
        if not reason:
            messages.error(request, gettext("Please say why."))
            return
        gifts = list(chosen.filter(revoked_at=None))
        ended = giving.end([gift.pk for gift in gifts], now=clock.now())
        for gift in gifts:
            self.log_change(request, gift, f"Taken back. {reason}")
        messages.success(request, ngettext("%d gift taken back.", "%d gifts taken back.", ended) % ended)


def explain_url(**given: str) -> str:
    """Return the address of the explanation with these fields filled in."""
    return f"{reverse('admin:paywall_explain')}?{urlencode(given)}"


def _explained(asked: dict[str, Any], *, now: datetime) -> dict[str, object]:
    reader, article = asked["reader"], asked["article"]
    told = access.explain(
        reader,
        article,
        at=asked["at"] or now,
        known_at=asked["known_at"] or now,
        network=asked["network"] or None,
        agent=asked["agent"],
    )
    spans = timeline.of(reader, article, since=told.at - _TIMELINE, until=told.at) if reader else ()
    answer = answers.to(reader, article, told.decision, now=told.at)
    return {"told": told, "answer": answer, "timeline": spans[::-1]}


def _linked(text: str, page: str, *args: object, **query: str) -> SafeString | str:
    """Return a link to a page of the admin, or the bare text where that model has none."""
    try:
        address = reverse(page, args=args)
    except NoReverseMatch:
        return text
    return format_html('<a href="{}">{}</a>', f"{address}?{urlencode(query)}" if query else address, text)
