"""A page of the admin that asks for what an action needs, and then acts: with a reason, and kept in the log."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.models import User
from billing.admin.mirror import MirrorAdmin
from billing.errors import BillingError, StripeTrouble

Act = Callable[[Any, User], str]  # does it with the valid form; returns what goes into the log


def row_for(staff: MirrorAdmin, request: HttpRequest, object_id: str, *, needs: str) -> Any:
    """Return the row that an action is about.

    :raises PermissionDenied: whoever asks may not do it.
    :raises Http404: there is no such row.
    """
    if not request.user.has_perm(needs):
        raise PermissionDenied
    row = staff.get_object(request, unquote(object_id))
    if row is None:
        raise Http404
    return row


def page(
    staff: MirrorAdmin,
    request: HttpRequest,
    row: Model,
    *,
    title: str,
    facts: list[tuple[str, object]],
    form: forms.Form,
    act: Act,
    button: str,
) -> HttpResponse:
    """Show the form with the facts beside it; once it is valid, act, log, and go back to the row."""
    status = HTTPStatus.OK
    if request.method == "POST":
        status = HTTPStatus.BAD_REQUEST
        if form.is_valid() and _acted(staff, request, row, form=form, act=act):
            name = f"admin:{row._meta.app_label}_{row._meta.model_name}_change"
            return redirect(reverse(name, args=[row.pk]))
    context = {
        **staff.admin_site.each_context(request),
        "title": title,
        "opts": row._meta,
        "row": row,
        "facts": facts,
        "form": form,
        "button": button,
    }
    return TemplateResponse(request, "admin/billing/act.html", context, status=status)


def _acted(staff: MirrorAdmin, request: HttpRequest, row: Model, *, form: forms.Form, act: Act) -> bool:
    try:
        done = act(form, cast("User", request.user))
    except StripeTrouble:
        form.add_error(None, _("Stripe did not answer in time. Send the form again: nothing is done twice."))
        return False
    except BillingError as refusal:
        form.add_error(None, str(refusal))
        return False
    staff.log_change(request, row, done)
    staff.message_user(request, done, messages.SUCCESS)
    return True
