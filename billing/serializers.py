"""The shapes of this app's API. No query in here: each is given a value that is already whole."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from accounts.serializers import StrictSerializer
from billing import holdings, links, overlaps
from billing.catalogue import OfferedPrice
from billing.models import Plan


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
    quantity = serializers.IntegerField(
        min_value=1,
        max_value=Plan.MOST,
        default=1,
        help_text="For how many people; more than one only for a plan that has one seat.",
    )
    return_url = ReturnUrlField(help_text="On this service's origin or an allowed one.")
    code = serializers.CharField(
        max_length=60, required=False, allow_blank=True, help_text="A promotion code that the reader typed."
    )


class CardRequestSerializer(StrictSerializer):
    """Where to go on once the card is stored."""

    return_url = ReturnUrlField(help_text="On this service's origin or an allowed one.")


class SubscriptionRequestSerializer(StrictSerializer):
    """Which subscription is meant; needed only by readers who have more than one."""

    subscription = serializers.CharField(
        max_length=40, required=False, help_text="The `id` of a subscription."
    )


FEEDBACK = (
    "customer_service", "low_quality", "missing_features", "other", "switched_service", "too_complex",
    "too_expensive", "unused",
)  # fmt: skip


class CancelRequestSerializer(SubscriptionRequestSerializer):
    """Which subscription is meant, and, if the reader likes, why."""

    feedback = serializers.ChoiceField(choices=FEEDBACK, required=False, help_text="Why, in a word.")
    comment = serializers.CharField(max_length=500, required=False, allow_blank=True)


class PauseRequestSerializer(SubscriptionRequestSerializer):
    """Until when to pause."""

    until = serializers.DateTimeField(
        help_text="The pause lasts for whole paid periods: to the first renewal at or after this."
    )


class _AgreementSerializer(StrictSerializer):
    """Something shown first, then agreed to by repeating what was shown."""

    preview = serializers.BooleanField(default=False, help_text="Show what it would cost; do nothing.")
    shown_at = serializers.DateTimeField(required=False, help_text="As the preview said.")
    amount = serializers.IntegerField(
        required=False, min_value=0, max_value=2**53, help_text="Charged today, as the preview said."
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Let nobody agree to what they were not shown."""
        missing = [name for name in ("shown_at", "amount") if name not in attrs]
        if missing and not attrs["preview"]:
            text = _("Ask for a preview first, and repeat what it says.")
            raise serializers.ValidationError({name: [text] for name in missing})
        return attrs


class ChangeRequestSerializer(_AgreementSerializer):
    """Another price: shown first, then agreed to by repeating what was shown."""

    price = serializers.CharField(max_length=200, help_text="The `price` of a plan on sale.")
    subscription = serializers.CharField(
        max_length=40, required=False, help_text="The `id` of a subscription."
    )


class ReturnRequestSerializer(_AgreementSerializer):
    """What ended, again: shown first, then agreed to by repeating what was shown."""

    price = serializers.CharField(
        max_length=200, required=False, help_text="The `price` of a plan on sale; without it the last one."
    )


class RedeemRequestSerializer(StrictSerializer):
    """The code of a gift subscription, as printed or as typed."""

    code = serializers.CharField(max_length=60)


class AddressSerializer(serializers.Serializer[Any]):
    """Where to send the reader next."""

    url = serializers.URLField()


class IntroductionSerializer(serializers.Serializer[Any]):
    """What a new subscriber pays first."""

    amount = serializers.IntegerField(source="first_amount", help_text="In minor units of the currency.")
    text = serializers.CharField(source="first_text", help_text="With what comes after.")


class PriceSerializer(serializers.Serializer[Any]):
    """A price on sale."""

    price = serializers.CharField(source="slug")
    amount = serializers.IntegerField(help_text="In minor units of the currency.")
    currency = serializers.CharField()
    formatted = serializers.CharField()
    interval = serializers.CharField()
    interval_count = serializers.IntegerField()
    trial_days = serializers.IntegerField(help_text="0 for who has subscribed before.")
    trial_needs_card = serializers.BooleanField(help_text="Whether a trial begins with a card.")
    text = serializers.CharField(help_text="Amount and interval, as the reader reads it.")
    tax_text = serializers.CharField(allow_blank=True, help_text="Whether taxes are in it.")
    introduction = serializers.SerializerMethodField()

    @extend_schema_field(IntroductionSerializer(allow_null=True))
    def get_introduction(self, price: OfferedPrice) -> dict[str, Any] | None:
        """Return what is paid first, where that is less."""
        return None if price.first_amount is None else dict(IntroductionSerializer(price).data)


class PlanSerializer(serializers.Serializer[Any]):
    """A plan on sale."""

    name = serializers.CharField(source="plan.name")
    description = serializers.CharField(source="plan.description")
    products = serializers.ListField(child=serializers.CharField(), source="plan.unlocks")
    seats = serializers.IntegerField(
        source="plan.seats", help_text="How many people read by one unit of it; 0 for a plan of one's own."
    )
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


class OverlapSerializer(serializers.Serializer[Any]):
    """What opens to the reader already what they could buy: to be told before they pay. It forbids nothing."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in overlaps.Kind])
    products = serializers.ListField(child=serializers.CharField())
    starts_at = serializers.DateTimeField(allow_null=True)
    ends_at = serializers.DateTimeField(allow_null=True, help_text="Null: as long as its group has it.")
    text = serializers.CharField(help_text="By what they read, and until when, as the reader reads it.")


class CheckoutSerializer(AddressSerializer):
    """The way to pay."""

    overlaps = OverlapSerializer(many=True)


class PlansSerializer(serializers.Serializer[Any]):
    """Everything on sale: subscriptions, and beside them what is paid once."""

    plans = PlanSerializer(many=True)
    currency = serializers.CharField(
        allow_blank=True, help_text="What these prices are in; empty where the site chooses none."
    )
    currencies = serializers.ListField(
        child=serializers.CharField(), help_text="What may be asked for instead, the default first."
    )
    passes = PassSerializer(many=True)
    gifts = PresentOnSaleSerializer(many=True, help_text="Bought on the page `/gift-subscription/`.")
    overlaps = OverlapSerializer(
        many=True, help_text="What opens some of these plans and passes to the reader already."
    )


class CardSerializer(serializers.Serializer[Any]):
    """The card that will be charged."""

    brand = serializers.CharField()
    last4 = serializers.CharField()
    wallet = serializers.CharField(allow_blank=True, help_text="Apple Pay, for example, where it is in one.")
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
    advice = serializers.CharField(
        help_text="What helps: confirm, another_card, check_card, wait or ask_bank."
    )


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
    cancelled_at = serializers.DateTimeField(allow_null=True)
    paused = serializers.BooleanField()
    paused_until = serializers.DateTimeField(allow_null=True)
    can_pause = serializers.BooleanField()
    in_grace = serializers.BooleanField()
    grace_until = serializers.DateTimeField(allow_null=True)
    failure = FailureSerializer(allow_null=True)
    step = serializers.CharField(
        allow_blank=True, help_text="What the reader can do: fix_card, confirm_payment, add_card, subscribe."
    )
    step_text = serializers.CharField(allow_blank=True)
    card = CardSerializer(allow_null=True)
    can_cancel = serializers.BooleanField()
    can_resume = serializers.BooleanField()
    can_change = serializers.BooleanField()
    needs_card = serializers.BooleanField()
    confirm_url = serializers.CharField(allow_blank=True)
    credit = serializers.IntegerField(help_text="What the next invoices use up first, in minor units.")
    credit_formatted = serializers.CharField(source="credit_text", allow_blank=True)
    withdrawn_at = serializers.DateTimeField(
        allow_null=True, help_text="Since then it opens nothing, because its money went back."
    )
    discount_text = serializers.CharField(allow_blank=True)
    ends_without_card = serializers.BooleanField(
        help_text="A trial without a card: it ends by itself at `access_ends_at` unless one is stored."
    )
    keeps_price = serializers.BooleanField(help_text="Its price is no longer sold, and stays as it is.")


class ProposalSerializer(serializers.Serializer[Any]):
    """What another price would cost: repeat `shown_at` and `amount` to agree."""

    subscription = serializers.CharField()
    price = serializers.CharField(source="price.slug")
    plan = serializers.CharField(source="price.plan.name")
    price_text = serializers.CharField(source="price.text")
    shown_at = serializers.DateTimeField()
    amount = serializers.IntegerField(help_text="Charged today, in minor units of the currency.")
    charged = serializers.IntegerField(help_text="For what is left of the period, or for a new one.")
    credited = serializers.IntegerField(help_text="For what is left of the old period.")
    credit_left = serializers.IntegerField(help_text="What the next invoices use up first.")
    currency = serializers.CharField()
    formatted = serializers.CharField(source="amount_text")
    next_charge = NextChargeSerializer(allow_null=True)


class ReturnSerializer(serializers.Serializer[Any]):
    """What subscribing again would cost: repeat `price`, `shown_at` and `amount` to agree."""

    price = serializers.CharField(source="price.slug")
    plan = serializers.CharField(source="price.plan.name")
    price_text = serializers.CharField(source="price.text")
    shown_at = serializers.DateTimeField()
    amount = serializers.IntegerField(help_text="Charged today, in minor units of the currency.")
    currency = serializers.CharField()
    formatted = serializers.CharField(source="amount_text")
    card = CardSerializer()
    next_charge = NextChargeSerializer(allow_null=True)
    overlaps = OverlapSerializer(many=True)


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
    receipt_url = serializers.CharField(allow_blank=True)
    tax = serializers.IntegerField(help_text="Of the amount, in minor units.")
    refunded = serializers.IntegerField(help_text="Given back so far, in minor units.")
    refunded_formatted = serializers.CharField(source="refunded_text", allow_blank=True)


class InvoicesSerializer(serializers.Serializer[Any]):
    """A page of invoices; `next` is the cursor of the following page."""

    invoices = InvoiceSerializer(many=True, source="lines")
    next = serializers.CharField(allow_null=True)
