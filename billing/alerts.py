"""What staff should see about money: disputes, warnings of fraud, refunds that failed, what is stuck or bought twice.

One way for all: a row, open until it has passed or somebody has seen to it; `manage.py status` and the admin show the
open ones, and `ALERTS_TO` are told of each once by mail. What follows from the mirror is restated with every look.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts import emails
from billing import links, money
from billing.models import Alert, Customer, Dispute, Present, Refund
from billing.snapshots import WarningSnapshot

Kind = Alert.Kind

# What went wrong longer ago, in an account that was taken over from elsewhere, is history.
_RECENT = timedelta(days=120)
# Over, one way or the other. A word that we do not know is not.
_DECIDED = ("won", "lost", "warning_closed", "prevented")
# These pass by themselves; whatever else is open, a person has to close.
_PASSING = (Kind.DISPUTE, Kind.INVOICE_STUCK, Kind.BOUGHT_TWICE)


@dataclass(frozen=True, slots=True)
class _Trouble:
    """Something to be seen."""

    kind: Alert.Kind
    about: str
    text: str
    due_by: datetime | None = None


def restate(customer: Customer, *, bought_twice: Mapping[str, str], now: datetime) -> None:
    """Open an alert for everything of `customer` that needs a person, and close those that have passed.

    `bought_twice` names the subscriptions of the reader that give a product which an older one gives already.
    """
    troubles = (
        *_contested(customer.disputes.all(), now=now),
        *_troubles(customer, now=now),
        *_doubles(customer, bought_twice),
    )
    _restate(troubles, known=customer.alerts.all(), customer=customer, now=now)


def restate_of_gift(present: Present, *, now: datetime) -> None:
    """Do the same for the disputes of a gift subscription, which no customer has paid."""
    disputes = present.disputes.filter(customer=None)
    about = disputes.values_list("stripe_id", flat=True)
    known = Alert.objects.filter(kind__in=(Kind.DISPUTE, Kind.DISPUTE_LOST), about__in=about)
    _restate(_contested(disputes, now=now), known=known, customer=None, now=now)


def _restate(
    troubles: Iterable[_Trouble], *, known: QuerySet[Alert], customer: Customer | None, now: datetime
) -> None:
    found = {(trouble.kind.value, trouble.about): trouble for trouble in troubles}
    rows = {(row.kind, row.about): row for row in known}
    for name, trouble in found.items():
        row = rows.get(name)
        if row is None:
            _open(trouble, customer=customer, now=now)
        elif (row.text, row.due_by) != (trouble.text, trouble.due_by):
            Alert.objects.filter(pk=row.pk).update(text=trouble.text[:200], due_by=trouble.due_by)
    passed = [row.pk for name, row in rows.items() if name not in found and row.kind in _PASSING]
    Alert.objects.filter(pk__in=passed, closed_at=None).update(closed_at=now)


@transaction.atomic
def take_warning(theirs: WarningSnapshot, *, customer: Customer | None, now: datetime) -> None:
    """Open the alert of an early warning of fraud, or close it where nothing can be done about it any more."""
    if not theirs.is_actionable:
        known = Alert.objects.filter(kind=Kind.FRAUD_WARNING, about=theirs.id, closed_at=None)
        known.update(closed_at=now)
    elif not Alert.objects.filter(kind=Kind.FRAUD_WARNING, about=theirs.id).exists():
        text = f"{theirs.fraud_type.replace('_', ' ')}, charge {theirs.charge}"
        _open(_Trouble(Kind.FRAUD_WARNING, theirs.id, text), customer=customer, now=now)


def waiting() -> QuerySet[Alert]:
    """Return the alerts that nobody has seen to, the most urgent first."""
    return Alert.objects.filter(closed_at=None).order_by("due_by", "opened_at")


def close(alert: Alert, *, note: str, by: int, now: datetime) -> None:
    """Keep what a member of staff did about it. One already closed stays as it is."""
    Alert.objects.filter(pk=alert.pk, closed_at=None).update(closed_at=now, closed_by_id=by, note=note[:300])


def dispute_at_stripe(dispute: Dispute) -> str:
    """Return where evidence is handed in."""
    return links.at_stripe("disputes", dispute.stripe_id, is_live=_is_live(dispute.customer))


def at_stripe(alert: Alert) -> str:
    """Return where Stripe's dashboard shows what an alert is about."""
    is_live = _is_live(alert.customer)
    match alert.kind:
        case Kind.DISPUTE | Kind.DISPUTE_LOST:
            return links.at_stripe("disputes", alert.about, is_live=is_live)
        case Kind.BOUGHT_TWICE:
            return links.at_stripe("subscriptions", alert.about, is_live=is_live)
        case Kind.INVOICE_STUCK:
            return links.at_stripe("invoices", alert.about, is_live=is_live)
        case Kind.REFUND_FAILED:
            refund = Refund.objects.filter(stripe_id=alert.about).first()
            return links.at_stripe("payments", refund.charge if refund else "", is_live=is_live)
        case _:
            return links.at_stripe("payments", _charge(alert), is_live=is_live)


def gift_of(alert: Alert) -> Present | None:
    """Return the gift subscription whose payment an alert about a dispute or a warning of fraud is about, if any."""
    if alert.customer is not None:
        return None
    charge = _charge(alert)
    return Present.objects.filter(charge_id=charge).first() if charge else None


def _contested(disputes: QuerySet[Dispute], *, now: datetime) -> Iterator[_Trouble]:
    for dispute in disputes:
        amount = money.text(dispute.amount, currency=dispute.currency, language="en")
        if dispute.present_id is not None:
            amount = f"{amount} for gift {dispute.present_id}"
        if dispute.status not in _DECIDED:
            text = f"{amount}, {dispute.reason.replace('_', ' ')}: {dispute.status.replace('_', ' ')}"
            yield _Trouble(Kind.DISPUTE, dispute.stripe_id, text, _evidence_until(dispute))
        elif dispute.status == "lost" and now - dispute.created_at <= _RECENT:
            yield _Trouble(Kind.DISPUTE_LOST, dispute.stripe_id, f"{amount} went back to the card's holder")


def _troubles(customer: Customer, *, now: datetime) -> Iterator[_Trouble]:
    for refund in customer.refunds.filter(status="failed", created_at__gte=now - _RECENT):
        amount = money.text(refund.amount, currency=refund.currency, language="en")
        yield _Trouble(Kind.REFUND_FAILED, refund.stripe_id, f"{amount}: {_why(refund)}")
    for invoice in customer.invoices.filter(status="draft").exclude(finalization_error=""):
        yield _Trouble(Kind.INVOICE_STUCK, invoice.stripe_id, invoice.finalization_error)


def _doubles(customer: Customer, bought_twice: Mapping[str, str]) -> Iterator[_Trouble]:
    if not bought_twice:
        return
    for name in customer.subscriptions.filter(stripe_id__in=bought_twice).values_list("stripe_id", flat=True):
        text = f"gives {bought_twice[name]}, which an older one gives already: end one, give its money back"
        yield _Trouble(Kind.BOUGHT_TWICE, name, text)


def _evidence_until(dispute: Dispute) -> datetime | None:
    """Return until when somebody has to answer; while the bank decides there is nothing to do."""
    return dispute.due_by if dispute.status.endswith("needs_response") else None


def _why(refund: Refund) -> str:
    return refund.failure_reason.replace("_", " ") or "Stripe does not say why"


def _charge(alert: Alert) -> str:
    """Return the charge that an alert is about; of a warning, which is no row, its text says so."""
    if alert.kind == Kind.FRAUD_WARNING:
        return alert.text.rpartition("charge ")[2]
    return Dispute.objects.filter(stripe_id=alert.about).values_list("charge", flat=True).first() or ""


def _is_live(customer: Customer | None) -> bool:
    return customer.livemode if customer else settings.STRIPE_LIVEMODE


def _open(trouble: _Trouble, *, customer: Customer | None, now: datetime) -> None:
    alert, is_new = Alert.objects.get_or_create(
        kind=trouble.kind,
        about=trouble.about,
        defaults={
            "customer": customer,
            "text": trouble.text[:200],
            "due_by": trouble.due_by,
            "opened_at": now,
        },
    )
    if is_new:
        _write_to_staff(alert, now=now)


def _write_to_staff(alert: Alert, *, now: datetime) -> None:
    lines = [
        f"{Kind(alert.kind).label}: {alert.text}",
        f"To be answered by {alert.due_by:%Y-%m-%d %H:%M} UTC." if alert.due_by else "",
        links.alert(alert.pk),
    ]
    for address in settings.ALERTS_TO:
        emails.queue(
            kind="alert",
            dedup_key=f"alert:{alert.kind}:{alert.about}:{address}",
            to=address,
            subject=f"{settings.SITE_NAME}: {Kind(alert.kind).label}",
            text="\n\n".join(line for line in lines if line),
            now=now,
        )
