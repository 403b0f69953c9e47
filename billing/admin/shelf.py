"""The page on which staff state the catalogue from a file: rehearse, agree, apply."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import clock
from billing import assortment, gateway
from billing.admin.mirror import MirrorAdmin
from billing.assortment import Proposal
from billing.errors import StatementRefused, StripeRefused, StripeTrouble
from billing.models import Plan

_LONGEST_FILE = 200_000


class StatementForm(forms.Form):
    """A file, pasted or uploaded; `agreed` names the steps that were shown."""

    upload = forms.FileField(label=gettext_lazy("A file"), required=False)
    text = forms.CharField(
        label=gettext_lazy("… or its text"),
        required=False,
        max_length=_LONGEST_FILE,
        strip=False,
        widget=forms.Textarea(
            attrs={"rows": 24, "cols": 100, "spellcheck": "false", "class": "vLargeTextField"}
        ),
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"size": 60}),
    )
    agreed = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        """Take the text of an uploaded file; ask for a reason where something is to be done."""
        said: dict[str, Any] = super().clean() or {}
        upload = said.get("upload")
        if upload is not None:
            try:
                said["text"] = upload.read(_LONGEST_FILE).decode("utf-8")
            except UnicodeDecodeError:
                self.add_error("upload", _("This file is no text."))
        if not (said.get("text") or "").strip() and not self.errors:
            self.add_error("text", _("Give a file or its text."))
        if "apply" in self.data and not (said.get("reason") or "").strip():
            self.add_error("reason", _("Say why; it is kept."))
        return said


class ShelfAdmin(MirrorAdmin):
    """Adds the page to the admin of plans."""

    def get_urls(self) -> list[URLPattern]:
        """Add the page (`admin:billing_plan_state`)."""
        page = path("state/", self.admin_site.admin_view(self.state), name="billing_plan_state")
        return [page, *super().get_urls()]

    def state(self, request: HttpRequest) -> HttpResponse:
        """Show what a file would change at Stripe; on agreement change it.

        :raises PermissionDenied: they may not change plans.
        """
        if not self.has_act_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return self._page(request, StatementForm(initial=self._what_is_there(request)), None)
        form = StatementForm(request.POST, request.FILES)
        proposal = self._propose(form) if form.is_valid() else None
        if proposal is not None and "apply" in request.POST:
            if form.cleaned_data["agreed"] != proposal.digest:
                form.add_error(None, _("This would do something else by now. Look again, please."))
            elif self._apply(request, form, proposal):
                return HttpResponseRedirect(reverse("admin:billing_plan_changelist"))
        return self._page(request, form, proposal)

    def _what_is_there(self, request: HttpRequest) -> dict[str, str]:
        try:
            return {"text": assortment.show(gateway=gateway.default())}
        except (StripeTrouble, StripeRefused) as trouble:
            self.message_user(request, str(trouble), messages.ERROR)
            return {}

    def _propose(self, form: StatementForm) -> Proposal | None:
        try:
            return assortment.propose(form.cleaned_data["text"], gateway=gateway.default(), now=clock.now())
        except StatementRefused as refused:
            for problem in refused.problems:
                form.add_error("text", problem)
        except (StripeTrouble, StripeRefused) as trouble:
            form.add_error(None, str(trouble))
        return None

    def _apply(self, request: HttpRequest, form: StatementForm, proposal: Proposal) -> bool:
        done: dict[str, list[str]] = {}
        try:
            assortment.apply(
                proposal,
                gateway=gateway.default(),
                now=clock.now(),
                tell=lambda step: done.setdefault(step.plan, []).append(step.text),
            )
        except (StripeTrouble, StripeRefused) as trouble:
            form.add_error(None, f"{trouble} {_('What is listed below is still to be done.')}")
            return False
        finally:
            self._log(request, done, reason=form.cleaned_data["reason"].strip())
        text = _("Done: %(count)s steps. Stripe equals the file.") % {"count": len(proposal.steps)}
        self.message_user(request, text, messages.SUCCESS)
        return True

    def _log(self, request: HttpRequest, done: dict[str, list[str]], *, reason: str) -> None:
        """Keep who did what, and why, with each plan; what is of no plan (coupons, codes) with all of them."""
        for_all = done.pop("", [])
        plans = Plan.objects.filter(stripe_id__in=done) if done else Plan.objects.filter(active=True)
        for plan in plans if done or for_all else ():
            self.log_change(request, plan, f"{reason}: {'; '.join(for_all + done.get(plan.stripe_id, []))}")

    def _page(self, request: HttpRequest, form: StatementForm, proposal: Proposal | None) -> HttpResponse:
        if proposal is not None:  # what was uploaded is shown, and sent again with the agreement
            shown = request.POST.copy()
            shown["text"], shown["agreed"] = form.cleaned_data["text"], proposal.digest
            form.data = shown
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": _("State the catalogue"),
            "form": form,
            "proposal": proposal,
        }
        return TemplateResponse(request, "admin/billing/plan/state.html", context)
