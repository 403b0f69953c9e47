"""A reader's invoices, as they read them: newest first, a page at a time."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q, Sum
from django.utils.translation import gettext as _

from accounts.models import User
from billing import links, money
from billing.errors import CursorUnknown
from billing.models import Invoice, Refund

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PAGE = 20


@dataclass(frozen=True, slots=True)
class Line:
    """One invoice."""

    number: str
    date: datetime
    amount: int
    currency: str
    amount_text: str
    status: str
    status_text: str
    hosted_url: str
    pdf_url: str
    receipt_url: str
    tax: int
    tax_text: str  # "" where no tax was worked out
    refunded: int
    refunded_text: str  # "" where nothing was given back


@dataclass(frozen=True, slots=True)
class Page:
    """Some invoices, and where the next ones begin."""

    lines: tuple[Line, ...]
    next: str | None


def page(reader: User, *, cursor: str = "", size: int = _PAGE) -> Page:
    """Return the reader's invoices after `cursor`. Drafts, which may still change, are not shown.

    A cursor names a place, not a row count, so invoices that arrive meanwhile neither repeat nor hide any.

    :raises CursorUnknown: the cursor is none of ours.
    """
    rows = (
        Invoice.objects.filter(customer__reader=reader).exclude(status="draft").order_by("-created_at", "-pk")
    )
    if cursor:
        at, pk = _place(cursor)
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=pk))
    found = list(rows[: size + 1])
    given_back = _given_back(found)
    return Page(
        lines=tuple(_line(row, given_back=given_back.get(row.pk, 0)) for row in found[:size]),
        next=_cursor(found[size - 1]) if len(found) > size else None,
    )


def _given_back(rows: Iterable[Invoice]) -> dict[int, int]:
    kept = Refund.objects.filter(invoice__in=list(rows)).exclude(status__in=Refund.UNDONE)
    return dict(kept.order_by().values_list("invoice").annotate(Sum("amount")))


def _line(row: Invoice, *, given_back: int) -> Line:
    return Line(
        number=row.number,
        date=row.finalized_at or row.created_at,
        amount=row.total,
        currency=row.currency,
        amount_text=money.text(row.total, currency=row.currency),
        status=row.status,
        status_text=_status_text(row, given_back=given_back),
        hosted_url=links.to_stripe(row.hosted_url),
        pdf_url=links.to_stripe(row.pdf_url),
        receipt_url=links.to_stripe(row.receipt_url),
        tax=row.tax,
        tax_text=_tax_text(row),
        refunded=given_back,
        refunded_text=money.text(given_back, currency=row.currency) if given_back else "",
    )


def _tax_text(row: Invoice) -> str:
    if not row.tax:
        return ""
    amount = {"amount": money.text(row.tax, currency=row.currency)}
    # The total that is shown has the tax in it either way; whether the prices had it stands with the prices.
    return _("incl. %(amount)s VAT") % amount


def _status_text(row: Invoice, *, given_back: int) -> str:
    if row.status == "paid" and given_back:
        return _("given back") if given_back >= row.amount_paid else _("partly given back")
    texts = {
        "open": _("open"),
        "paid": _("paid"),
        "uncollectible": _("written off"),
        "void": _("void"),
    }
    return texts.get(row.status, row.status)


def _cursor(row: Invoice) -> str:
    microseconds = (row.created_at - _EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(f"{microseconds}.{row.pk}".encode()).decode().rstrip("=")


def _place(cursor: str) -> tuple[datetime, int]:
    try:
        text = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4)).decode("ascii")
        microseconds, pk = text.split(".")
        at = _EPOCH + timedelta(microseconds=int(microseconds))
    except (ValueError, OverflowError, binascii.Error) as error:
        raise CursorUnknown(cursor[:40]) from error
    if not 0 < int(pk) < 2**63:
        raise CursorUnknown(cursor[:40])
    return at, int(pk)
