"""Stripe's picture of a customer, written into our rows. Used by `sync` alone, inside its one transaction.

Rows are restated whole, by Stripe's ids: writing the same picture again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from django.db import models
from django.db.models.functions import Coalesce

from billing import disputes, lifecycle, withdrawal, worth
from billing.models import (
    BilledTime,
    Customer,
    Invoice,
    PaymentMethod,
    Price,
    Refund,
    Subscription,
    SubscriptionItem,
)
from billing.snapshots import (
    Access,
    ChargeSnapshot,
    CustomerPicture,
    InvoiceSnapshot,
    ItemSnapshot,
    RefundSnapshot,
    Status,
    SubscriptionSnapshot,
)

M = TypeVar("M", bound=models.Model)


def write(customer: Customer, picture: CustomerPicture, *, policy: Access, now: datetime) -> frozenset[str]:
    """Make our rows of this customer equal to the picture. `customer` is changed and saved too.

    `policy` says what becomes of reading when the money for it went back. Returns the subscriptions (Stripe's ids)
    that Stripe lists no more: they are over.
    """
    _write_customer(customer, picture, now=now)
    _write_cards(customer, picture, now=now)
    _write_subscriptions(customer, picture, policy=policy, now=now)
    ours = dict(customer.subscriptions.values_list("stripe_id", "pk"))
    gone = frozenset(ours) - {theirs.id for theirs in picture.subscriptions}
    if gone:
        _end(customer.subscriptions.filter(stripe_id__in=gone), now=now)
    _write_items(picture, ours)
    _write_invoices(customer, picture, ours)
    if picture.refunds or picture.disputes:
        _write_returns(customer, picture)
    _write_worth(picture, ours)
    return gone


def _write_customer(customer: Customer, picture: CustomerPicture, *, now: datetime) -> None:
    theirs = picture.customer
    if theirs.deleted:
        # Stripe keeps nothing but the id; what we knew stays for the record.
        customer.deleted_at = customer.deleted_at or now
        customer.default_card = ""
    else:
        customer.email = theirs.email
        customer.currency = theirs.currency
        customer.balance = theirs.balance
        customer.default_card = theirs.default_card or ""
        customer.livemode = theirs.livemode
    customer.save(
        update_fields=["deleted_at", "email", "currency", "balance", "default_card", "livemode", "reader"]
    )


def _write_cards(customer: Customer, picture: CustomerPicture, *, now: datetime) -> None:
    _restate(
        PaymentMethod,
        (
            PaymentMethod(
                stripe_id=card.id,
                customer=customer,
                type=card.type,
                brand=card.brand,
                last4=card.last4,
                exp_month=card.exp_month,
                exp_year=card.exp_year,
                fingerprint=card.fingerprint,
                wallet=card.wallet,
            )
            for card in picture.cards
        ),
    )
    # Detached cards stay: old invoices and mails speak of them.
    gone = customer.cards.filter(detached_at=None).exclude(stripe_id__in=[card.id for card in picture.cards])
    gone.update(detached_at=now)


def _write_subscriptions(
    customer: Customer, picture: CustomerPicture, *, policy: Access, now: datetime
) -> None:
    _restate(
        Subscription,
        (
            _subscription(theirs, customer=customer, picture=picture, policy=policy, now=now)
            for theirs in picture.subscriptions
        ),
        keep=("proven_at",),
    )


def _end(gone: models.QuerySet[Subscription], *, now: datetime) -> None:
    """End what Stripe lists no more: it forgets none but with its whole customer, and then none of them runs on."""
    gone.exclude(status=Status.INCOMPLETE_EXPIRED).update(
        status=Status.CANCELED,
        ended_at=Coalesce("ended_at", models.Value(now)),
        past_due_since=None,
        synced_at=now,
    )


def _subscription(
    theirs: SubscriptionSnapshot,
    *,
    customer: Customer,
    picture: CustomerPicture,
    policy: Access,
    now: datetime,
) -> Subscription:
    withdrawn = withdrawal.of(theirs, picture=picture, policy=policy)
    return Subscription(
        stripe_id=theirs.id,
        customer=customer,
        status=theirs.raw_status,
        starts_at=theirs.starts_at,
        period_ends_at=theirs.period_ends_at,
        trial_starts_at=theirs.trial_starts_at,
        trial_ends_at=theirs.trial_ends_at,
        cancel_at=theirs.cancel_at,
        cancel_at_period_end=theirs.cancel_at_period_end,
        canceled_at=theirs.canceled_at,
        ended_at=theirs.ended_at,
        past_due_since=lifecycle.past_due_since(theirs, picture.invoices),
        pause_behavior=theirs.pause_behavior,
        pause_resumes_at=theirs.pause_resumes_at,
        automatic=theirs.automatic,
        default_card=theirs.default_card or "",
        latest_invoice=theirs.latest_invoice or "",
        cancel_reason=theirs.cancel_reason,
        currency=theirs.currency,
        withdrawn_at=withdrawn.at if withdrawn else None,
        withdrawn_because=withdrawn.cause if withdrawn else "",
        without_card=theirs.without_card,
        discount=theirs.discount[0][:200],
        discount_ends_at=theirs.discount[1],
        next_amount=picture.next_amounts.get(theirs.id),
        created_at=theirs.created_at,
        synced_at=now,
    )


def _write_items(picture: CustomerPicture, ours: dict[str, int]) -> None:
    lines = [(ours[theirs.id], item) for theirs in picture.subscriptions for item in theirs.items]
    named = {item.price for _subscription_pk, item in lines}
    prices = dict(Price.objects.filter(stripe_id__in=named).values_list("stripe_id", "pk"))
    _restate(
        SubscriptionItem,
        (_item(item, subscription=key, price=prices.get(item.price)) for key, item in lines),
    )
    listed = [ours[theirs.id] for theirs in picture.subscriptions]
    dropped = SubscriptionItem.objects.filter(subscription__in=listed)
    dropped.exclude(stripe_id__in=[item.id for _subscription_pk, item in lines]).delete()


def _item(theirs: ItemSnapshot, *, subscription: int, price: int | None) -> SubscriptionItem:
    return SubscriptionItem(
        stripe_id=theirs.id,
        subscription_id=subscription,
        price_id=price,
        stripe_price=theirs.price,
        stripe_product=theirs.product,
        quantity=theirs.quantity,
        unit_amount=theirs.unit_amount,
        currency=theirs.currency,
        interval=theirs.interval,
        interval_count=theirs.interval_count,
        period_starts_at=theirs.period_starts_at,
        period_ends_at=theirs.period_ends_at,
    )


def _write_invoices(customer: Customer, picture: CustomerPicture, ours: dict[str, int]) -> None:
    _restate(
        Invoice,
        (_invoice(theirs, customer=customer, ours=ours, picture=picture) for theirs in picture.invoices),
    )
    # Only drafts can be deleted at Stripe; an invoice once finalised is kept there for ever.
    dropped = customer.invoices.filter(status="draft")
    dropped.exclude(stripe_id__in=[theirs.id for theirs in picture.invoices]).delete()


def _invoice(
    theirs: InvoiceSnapshot, *, customer: Customer, ours: dict[str, int], picture: CustomerPicture
) -> Invoice:
    paid_by = next((charge for charge in picture.charges if theirs.was_paid_by(charge)), None)
    return Invoice(
        stripe_id=theirs.id,
        customer=customer,
        subscription_id=ours.get(theirs.subscription or ""),
        number=theirs.number,
        status=theirs.status,
        billing_reason=theirs.billing_reason,
        currency=theirs.currency,
        amount_due=theirs.amount_due,
        amount_paid=theirs.amount_paid,
        amount_remaining=theirs.amount_remaining,
        total=theirs.total,
        attempt_count=theirs.attempt_count,
        attempted=theirs.attempted,
        next_payment_attempt=theirs.next_payment_attempt,
        created_at=theirs.created_at,
        finalized_at=theirs.finalized_at,
        paid_at=theirs.paid_at,
        hosted_url=theirs.hosted_url,
        pdf_url=theirs.pdf_url,
        automatic=theirs.automatic,
        failure_code=theirs.failure_code,
        advice_code=theirs.advice_code,
        needs_action=theirs.needs_action,
        finalization_error=theirs.finalization_error if theirs.status == "draft" else "",
        charge=paid_by.id if paid_by else "",
        receipt_url=paid_by.receipt_url if paid_by else "",
        tax=theirs.tax,
        tax_is_included=theirs.tax_is_included,
    )


def _write_returns(customer: Customer, picture: CustomerPicture) -> None:
    """Write what went back. Stripe forgets neither a refund nor a dispute."""
    invoices = dict(customer.invoices.exclude(charge="").values_list("charge", "pk"))
    _restate(
        Refund,
        (
            _refund(theirs, charge=charge, customer=customer, invoice=invoices.get(charge.id))
            for charge in picture.charges
            for theirs in charge.refunds
        ),
    )
    disputes.write(picture.disputes, customer=customer, invoices=invoices)


def _refund(
    theirs: RefundSnapshot, *, charge: ChargeSnapshot, customer: Customer, invoice: int | None
) -> Refund:
    return Refund(
        stripe_id=theirs.id,
        customer=customer,
        invoice_id=invoice,
        charge=charge.id,
        amount=theirs.amount,
        currency=theirs.currency,
        status=theirs.status,
        reason=theirs.reason,
        failure_reason=theirs.failure_reason,
        access=theirs.access or "",
        order=theirs.order,
        brand=charge.brand,
        last4=charge.last4,
        created_at=theirs.created_at,
    )


def _write_worth(picture: CustomerPicture, ours: dict[str, int]) -> None:
    """State anew what each subscription was worth; rows that say the same already stay as they are.

    Of subscriptions that Stripe lists no more, what was known stays.
    """
    wanted = {
        (ours[theirs.id], one.starts_at): (one.ends_at, one.monthly, one.currency)
        for theirs in picture.subscriptions
        for one in worth.stretches(theirs, invoices=picture.invoices)
    }
    listed = [ours[theirs.id] for theirs in picture.subscriptions]
    held = {
        (row.subscription_id, row.starts_at): row
        for row in BilledTime.objects.filter(subscription__in=listed)
    }
    fresh = [
        BilledTime(
            subscription_id=key[0], starts_at=key[1], ends_at=ends_at, monthly=monthly, currency=currency
        )
        for key, (ends_at, monthly, currency) in wanted.items()
        if key not in held or (held[key].ends_at, held[key].monthly, held[key].currency) != wanted[key]
    ]
    replaced = {(row.subscription_id, row.starts_at) for row in fresh}
    stale = [row.pk for key, row in held.items() if key not in wanted or key in replaced]
    BilledTime.objects.filter(pk__in=stale).delete()
    BilledTime.objects.bulk_create(fresh)


def _restate(model: type[M], rows: Iterable[M], *, keep: tuple[str, ...] = ()) -> None:
    """Insert rows, or overwrite the ones of the same Stripe id in every column but those in `keep`."""
    columns = [field.name for field in model._meta.concrete_fields if not field.primary_key]
    model._default_manager.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["stripe_id"],
        update_fields=[name for name in columns if name not in {"stripe_id", *keep}],
    )
