"""Groups for staff: who sits in them. Owners offer seats and readers take them; staff end them, with a reason."""

from __future__ import annotations

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy

from accounts import clock
from accounts.admin import ShownOnly
from billing import groups
from billing.admin.forms import ReasonForm
from billing.admin.mirror import MirrorAdmin, about_reader, one, row_of
from billing.errors import GroupRefused, NothingToDo
from billing.models import Seat


@admin.register(Seat)
class SeatAdmin(ShownOnly, MirrorAdmin):
    """Places in groups. The token is kept as a hash and shown to nobody."""

    list_display = (
        "id",
        "email",
        "member",
        "subscription",
        "invited_at",
        "accepted_at",
        "ended_at",
        "ending",
    )
    list_filter = (("ended_at", admin.EmptyFieldListFilter), "ending", "accepted_at")
    list_select_related = ("member", "subscription")
    search_fields = (
        "=id",
        "email",
        "member__email",
        "member__public_id",
        "subscription__stripe_id",
        "subscription__customer__email",
    )
    readonly_fields = ("related",)
    exclude = ("token_hash",)
    action_form = ReasonForm
    actions = ("end",)

    @admin.display(description=gettext_lazy("see also"))
    def related(self, seat: Seat) -> SafeString:
        """Link to the subscription, and to the member and what they hold by it."""
        return row_of(one(seat.subscription), *about_reader(seat.member_id, source=seat.source))

    @admin.action(description=gettext_lazy("End now"), permissions=["act"])
    def end(self, request: HttpRequest, chosen: QuerySet[Seat]) -> None:
        """Free the chosen seats."""
        reason = request.POST.get("reason", "")
        for seat in chosen:
            try:
                ended = groups.end(seat, reason=reason, now=clock.now())
            except (GroupRefused, NothingToDo) as refusal:
                messages.error(request, f"{seat}: {refusal}")
                continue
            self.log_change(request, ended, f"Ended. {ended.reason}")
            messages.success(request, f"{seat}: {ended.get_ending_display()}")
