"""The reader's invoices and receipts, a page at a time. The documents themselves are Stripe's."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from billing import invoices
from billing.errors import CursorUnknown
from billing.views import ways


@require_safe
@login_required
def listing(request: HttpRequest) -> HttpResponse:
    """Show a page of invoices, newest first.

    :raises BadRequest: the cursor is none of ours.
    """
    cursor = request.GET.get("cursor", "")
    try:
        page = invoices.page(ways.reader(request), cursor=cursor)
    except CursorUnknown as error:
        raise BadRequest("This place in the list is none of ours.") from error
    context = {"invoices": page.lines, "next": page.next, "is_first": not cursor}
    return render(request, "billing/invoices.html", context)
