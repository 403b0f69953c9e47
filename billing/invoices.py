"""A reader's invoices, as they read them: newest first, a page at a time."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.models import User
from billing import money
from billing.errors import CursorUnknown
from billing.models import Invoice

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
    return Page(
        lines=tuple(_line(row) for row in found[:size]),
        next=_cursor(found[size - 1]) if len(found) > size else None,
    )


def _line(row: Invoice) -> Line:
    return Line(
        number=row.number,
        date=row.finalized_at or row.created_at,
        amount=row.total,
        currency=row.currency,
        amount_text=money.text(row.total, currency=row.currency),
        status=row.status,
        status_text=_status_text(row.status),
        hosted_url=row.hosted_url,
        pdf_url=row.pdf_url,
    )


def _status_text(status: str) -> str:
    texts = {
        "open": _("open"),
        "paid": _("paid"),
        "uncollectible": _("written off"),
        "void": _("void"),
    }
    return texts.get(status, status)


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
