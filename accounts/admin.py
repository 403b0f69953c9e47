"""Readers and the mails to them, for staff. Staff sign in where readers do."""

from __future__ import annotations

from typing import Any

from allauth.account import admin as _addresses  # noqa: F401  registers itself, to be taken back below
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa import admin as _second_factors  # noqa: F401  the same
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import flatten_fieldsets
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts import clock, emails, sessions
from accounts.models import Mail, Session, User
from accounts.signals import shut_out

_LONGEST_KEY = 18  # digits, of which every database holds the number

# One way in for everybody: the same limits, codes and second factors.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]  # as allauth says to

# allauth's own pages let staff prove an address by hand and show the secret of a second factor.
admin.site.unregister((EmailAddress, Authenticator))


class ShownOnly(admin.ModelAdmin):  # type: ignore[type-arg]  # the class takes no argument at run time
    """Keeps to itself what its pages do not show.

    Django lets an address narrow a list by any column (`?text__startswith=a`), by which a hidden one can be read
    letter by letter.
    """

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Allow to narrow by what is shown, and by what belongs to other rows as far as Django allows it."""
        name = lookup.partition("__")[0]
        columns = {field.name for field in self.opts.concrete_fields}
        listed = self.get_list_display(request)
        shown = {
            *(item[0] if isinstance(item, list | tuple) else item for item in self.get_list_filter(request)),
            *listed,
            # What a column of ours is sorted by is what it shows.
            *(
                getattr(getattr(self, str(item), None), "admin_order_field", "").partition("__")[0]
                for item in listed
            ),
            *flatten_fieldsets(self.get_fieldsets(request)),
            self.date_hierarchy,
            self.opts.pk.name,
        }
        return (name not in columns or name in shown) and super().lookup_allowed(lookup, value, request)


class _ReadOnly(ShownOnly):
    """Look, do not touch."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds a row by hand."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody edits a row by hand."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes a row by hand."""
        return False

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Actions need the right that editing would need, if editing made sense."""
        return request.user.has_perm(f"{self.opts.app_label}.change_{self.opts.model_name}")


class _ChoiceField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]  # the class takes no argument at run time
    """Refuses a number that no primary key can be; Django's own asks the database, which falls over it."""

    def clean(self, value: Any) -> Any:
        """Check as usual."""
        for key in value or ():
            if len(str(key)) > _LONGEST_KEY:
                raise forms.ValidationError(self.error_messages["invalid_pk_value"], params={"pk": key[:40]})
        return super().clean(value)


class _ReaderForm(forms.ModelForm):  # type: ignore[type-arg]  # the class takes no argument at run time
    """A reader as staff add one."""

    def clean_email(self) -> str:
        """Take an address in any letter case."""
        return str(self.cleaned_data["email"]).strip().lower()


@admin.register(User)
class UserAdmin(ShownOnly):
    """Find a reader; see what is known of them; block, unblock or sign them out."""

    form = _ReaderForm
    list_display = ("email", "proven", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_active", "is_staff", "language", "date_joined")
    search_fields = ("email", "public_id")
    search_help_text = _("E-mail address or public id")
    date_hierarchy = "date_joined"
    ordering = ("-date_joined",)
    list_per_page = 50
    readonly_fields = (
        "public_id",
        "email",
        "proven",
        "date_joined",
        "last_login",
        "mails_link",
        "sessions_link",
    )
    filter_horizontal = ("groups", "user_permissions")
    fieldsets = (
        (None, {"fields": ("email", "proven", "public_id", "language", "is_active")}),
        (_("Look further"), {"fields": ("mails_link", "sessions_link")}),
        (_("Dates"), {"fields": ("date_joined", "last_login")}),
        (
            _("Staff"),
            {"fields": ("is_staff", "is_superuser", "groups", "user_permissions"), "classes": ("collapse",)},
        ),
    )
    actions = ("sign_out_everywhere",)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Let only superusers make staff."""
        fixed: tuple[str, ...] = self.readonly_fields
        if obj is None:
            fixed = tuple(name for name in fixed if name != "email")
        if not request.user.is_superuser:
            fixed = (*fixed, "is_staff", "is_superuser", "groups", "user_permissions")
        return fixed

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Readers are closed (which ends their billing first), never deleted."""
        return False

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001  Django passes it so
        """Store the reader; one whom staff add has no password, and signs in by code."""
        if not change:
            obj.set_unusable_password()
        super().save_model(request, obj, form, change)
        if not obj.is_active:
            shut_out.send(sender=User, reader=obj)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Offer groups and permissions as Django does, in a field that takes any nonsense."""
        return super().formfield_for_manytomany(db_field, request, form_class=_ChoiceField, **kwargs)

    @admin.display(description=_("address proven"), boolean=True)
    def proven(self, reader: User) -> bool:
        """Whether the address is proven."""
        return reader.email_is_proven

    @admin.display(description=_("mails"))
    def mails_link(self, reader: User) -> SafeString:
        """Lead to what we wrote to this reader."""
        return _link("admin:accounts_mail_changelist", reader, _("What we wrote"))

    @admin.display(description=_("sessions"))
    def sessions_link(self, reader: User) -> SafeString:
        """Lead to where this reader is signed in."""
        return _link("admin:accounts_session_changelist", reader, _("Where they are signed in"))

    @admin.action(description=_("Sign out everywhere"), permissions=["change"])
    def sign_out_everywhere(self, request: HttpRequest, readers: QuerySet[User]) -> None:
        """End every session of the chosen readers."""
        ended = sum(sessions.end_others(reader, but=None) for reader in readers)
        messages.success(request, _("Ended %d sessions.") % ended)


@admin.register(Session)
class SessionAdmin(_ReadOnly):
    """Where readers are signed in."""

    list_display = ("reader", "signed_in_at", "last_seen_at", "ip", "user_agent", "expire_date")
    search_fields = ("reader__email", "reader__public_id")
    fields = ("reader", "signed_in_at", "last_seen_at", "ip", "user_agent", "expire_date")
    list_select_related = ("reader",)
    ordering = ("-last_seen_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Session]:
        """Show only sessions that somebody is signed in to."""
        return super().get_queryset(request).exclude(reader=None)


@admin.register(Mail)
class MailAdmin(_ReadOnly):
    """The outbox. The text is not shown: it may carry a code."""

    list_display = ("queued_at", "to", "kind", "subject", "state", "attempts", "sent_at")
    list_filter = ("state", "kind", "queued_at")
    search_fields = ("to", "reader__email", "reader__public_id", "dedup_key")
    list_select_related = ("reader",)
    date_hierarchy = "queued_at"
    fields = (
        "reader",
        "to",
        "kind",
        "subject",
        "dedup_key",
        "state",
        "attempts",
        "queued_at",
        "next_attempt_at",
        "sent_at",
        "last_error",
    )
    actions = ("try_again",)

    @admin.action(description=_("Try again to send"), permissions=["act"])
    def try_again(self, request: HttpRequest, mails: QuerySet[Mail]) -> None:
        """Put mails that were given up back into the outbox."""
        revived = emails.again(mails.values_list("pk", flat=True), now=clock.now())
        messages.success(request, _("%d mails will be sent again.") % revived)


@admin.register(Authenticator)
class AuthenticatorAdmin(_ReadOnly):
    """Second factors, without their secrets; staff may take one away from a reader who lost it."""

    list_display = ("user", "type", "created_at", "last_used_at")
    list_filter = ("type", "created_at", "last_used_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "user__public_id")
    fields = ("user", "type", "created_at", "last_used_at")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever is given the right to."""
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


def _link(view: str, reader: User, text: object) -> SafeString:
    return format_html('<a href="{}?reader__id__exact={}">{}</a>', reverse(view), reader.pk, text)
