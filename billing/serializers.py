"""The shapes of this app's API. No query in here: each is given a value that is already whole."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.serializers import StrictSerializer
from billing import holdings, links


class ReturnUrlField(serializers.URLField):
    """Where a reader goes afterwards: on this service or on a site that may call it."""

    default_error_messages = {"elsewhere": _("This address is not on this site or an allowed one.")}

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=1000, **options)

    def to_internal_value(self, data: Any) -> str:
        """Check that we may send somebody there."""
        address: str = super().to_internal_value(data)
        if not links.is_allowed(address):
            self.fail("elsewhere")
        return address


class CheckoutRequestSerializer(StrictSerializer):
    """What to buy, by the price's name in the catalogue."""

    price = serializers.CharField(
        max_length=200, help_text="The `price` of a plan or a pass on sale; never an id of Stripe's."
    )
    return_url = ReturnUrlField(help_text="On this service's origin or an allowed one.")


class CardRequestSerializer(StrictSerializer):
    """Where to go on once the card is stored."""

    return_url = ReturnUrlField(help_text="On this service's origin or an allowed one.")


class SubscriptionRequestSerializer(StrictSerializer):
    """Which subscription is meant; needed only by readers who have more than one."""

    subscription = serializers.CharField(
        max_length=40, required=False, help_text="The `id` of a subscription."
    )


class RedeemRequestSerializer(StrictSerializer):
    """The code of a gift subscription, as printed or as typed."""

    code = serializers.CharField(max_length=60)


class AddressSerializer(serializers.Serializer[Any]):
    """Where to send the reader next."""

    url = serializers.URLField()


class PriceSerializer(serializers.Serializer[Any]):
    """A price on sale."""

    price = serializers.CharField(source="slug")
    amount = serializers.IntegerField(help_text="In minor units of the currency.")
    currency = serializers.CharField()
    formatted = serializers.CharField()
    interval = serializers.CharField()
    interval_count = serializers.IntegerField()
    trial_days = serializers.IntegerField()
    text = serializers.CharField(help_text="Amount and interval, as the reader reads it.")


class PlanSerializer(serializers.Serializer[Any]):
    """A plan on sale."""

    name = serializers.CharField(source="plan.name")
    description = serializers.CharField(source="plan.description")
    products = serializers.ListField(child=serializers.CharField(), source="plan.unlocks")
    prices = PriceSerializer(many=True)


class PassSerializer(serializers.Serializer[Any]):
    """A day pass on sale: paid once, for so many hours from the payment."""

    name = serializers.CharField()
    description = serializers.CharField()
    products = serializers.ListField(child=serializers.CharField())
    price = serializers.CharField(source="slug")
    amount = serializers.IntegerField(help_text="In minor units of the currency.")
    currency = serializers.CharField()
    formatted = serializers.CharField()
    lasts_hours = serializers.IntegerField()
    text = serializers.CharField(help_text="Amount and how long it is for, as the reader reads it.")


class PresentOnSaleSerializer(serializers.Serializer[Any]):
    """A gift subscription on sale: paid once, for so many months from its redemption."""

    name = serializers.CharField()
    description = serializers.CharField()
    products = serializers.ListField(child=serializers.CharField())
    price = serializers.CharField(source="slug")
    amount = serializers.IntegerField(help_text="In minor units of the currency.")
    currency = serializers.CharField()
    formatted = serializers.CharField()
    months = serializers.IntegerField()
    text = serializers.CharField(help_text="Amount and how long it is for, as the giver reads it.")


class PlansSerializer(serializers.Serializer[Any]):
    """Everything on sale: subscriptions, and beside them what is paid once."""

    plans = PlanSerializer(many=True)
    passes = PassSerializer(many=True)
    gifts = PresentOnSaleSerializer(many=True, help_text="Bought on the page `/gift-subscription/`.")


class CardSerializer(serializers.Serializer[Any]):
    """The card that will be charged."""

    brand = serializers.CharField()
    last4 = serializers.CharField()
    exp_month = serializers.IntegerField(allow_null=True)
    exp_year = serializers.IntegerField(allow_null=True)


class NextChargeSerializer(serializers.Serializer[Any]):
    """What will be charged next."""

    at = serializers.DateTimeField()
    amount = serializers.IntegerField(help_text="In minor units of the currency.")
    currency = serializers.CharField()
    formatted = serializers.CharField()


class FailureSerializer(serializers.Serializer[Any]):
    """Why the last payment failed."""

    code = serializers.CharField()
    text = serializers.CharField()


class SubscriptionSerializer(serializers.Serializer[Any]):
    """A subscription, and what happens next with it."""

    id = serializers.CharField()
    plan = serializers.CharField(source="plan_name")
    products = serializers.ListField(child=serializers.CharField())
    price = serializers.CharField(allow_blank=True)
    price_text = serializers.CharField()
    interval = serializers.CharField()
    status = serializers.CharField()
    status_text = serializers.CharField()
    next_charge = NextChargeSerializer(allow_null=True)
    retry_at = serializers.DateTimeField(allow_null=True)
    access_ends_at = serializers.DateTimeField(allow_null=True)
    cancel_scheduled = serializers.BooleanField()
    in_grace = serializers.BooleanField()
    grace_until = serializers.DateTimeField(allow_null=True)
    failure = FailureSerializer(allow_null=True)
    card = CardSerializer(allow_null=True)
    can_cancel = serializers.BooleanField()
    can_resume = serializers.BooleanField()
    needs_card = serializers.BooleanField()
    confirm_url = serializers.CharField(allow_blank=True)


class HoldingSerializer(serializers.Serializer[Any]):
    """Something held without a subscription; it ends by itself and is never charged again."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in holdings.Kind])
    name = serializers.CharField()
    products = serializers.ListField(child=serializers.CharField())
    product_names = serializers.ListField(child=serializers.CharField())
    starts_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField()


class SubscriptionStateSerializer(serializers.Serializer[Any]):
    """The subscription that matters most (null for somebody who never had one), all open ones, what else is held."""

    subscription = SubscriptionSerializer(allow_null=True)
    subscriptions = SubscriptionSerializer(many=True)
    holdings = HoldingSerializer(many=True)


class InvoiceSerializer(serializers.Serializer[Any]):
    """An invoice."""

    number = serializers.CharField()
    date = serializers.DateTimeField()
    amount = serializers.IntegerField(help_text="In minor units of the currency.")
    currency = serializers.CharField()
    formatted = serializers.CharField(source="amount_text")
    status = serializers.CharField()
    hosted_url = serializers.CharField(allow_blank=True)
    pdf_url = serializers.CharField(allow_blank=True)


class InvoicesSerializer(serializers.Serializer[Any]):
    """A page of invoices; `next` is the cursor of the following page."""

    invoices = InvoiceSerializer(many=True, source="lines")
    next = serializers.CharField(allow_null=True)
