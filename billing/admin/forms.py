"""What staff are asked before they act: why; and what goes back, or was done about an alert."""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.admin.helpers import ActionForm
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import money, returns
from billing.models import Invoice
from billing.refunding import Wish
from billing.snapshots import Access

_LONGEST = 300


class RefundForm(forms.Form):
    """How much, why, and what becomes of reading. `key` names this form: sent twice, it is one wish."""

    amount = forms.DecimalField(label=gettext_lazy("Amount"), max_digits=12)
    reason = forms.CharField(
        label=gettext_lazy("Reason, for the record"),
        max_length=_LONGEST,
        widget=forms.TextInput(attrs={"size": 80}),
    )
    access = forms.ChoiceField(
        label=gettext_lazy("Reading"),
        choices=[
            (Access.KEEP.value, gettext_lazy("goes on to the end of the period")),
            (Access.WITHDRAW.value, gettext_lazy("ends now, and the subscription with it")),
        ],
        widget=forms.RadioSelect,
    )
    key = forms.RegexField(r"^refund-[0-9a-f]{32}$", widget=forms.HiddenInput)
    seen = forms.IntegerField(min_value=0, widget=forms.HiddenInput)

    def __init__(self, *args: Any, invoice: Invoice, **kwargs: Any) -> None:
        self._currency = invoice.currency
        left = returns.left(invoice)
        start = {
            "amount": money.major(left, currency=invoice.currency),
            "key": f"refund-{secrets.token_hex(16)}",
            "seen": returns.refunded(invoice),
        }
        kwargs.setdefault("initial", start)
        super().__init__(*args, **kwargs)
        digits = money.exponent(invoice.currency)
        self.fields["amount"].help_text = _("In %(currency)s, at most %(amount)s.") % {
            "currency": invoice.currency.upper(),
            "amount": money.text(left, currency=invoice.currency),
        }
        self.fields["amount"].widget.attrs.update({"step": str(Decimal(1).scaleb(-digits)), "min": "0"})

    def clean_amount(self) -> int:
        """Return minor units.

        :raises ValidationError: this is no amount of this currency.
        """
        amount: Decimal = self.cleaned_data["amount"]
        minor = amount.scaleb(money.exponent(self._currency))
        if minor != minor.to_integral_value() or minor <= 0:
            raise ValidationError(_("This is no amount that can be given back."))
        return int(minor)

    @property
    def wish(self) -> Wish:
        """What the form says, once it is valid."""
        said = self.cleaned_data
        return Wish(
            key=said["key"],
            amount=said["amount"],
            reason=said["reason"],
            access=Access(said["access"]),
            seen=said["seen"],
        )


class CloseForm(forms.Form):
    """What was done about an alert."""

    note = forms.CharField(
        label=gettext_lazy("What was done about it"),
        max_length=_LONGEST,
        widget=forms.TextInput(attrs={"size": 80}),
    )


class ReasonForm(ActionForm):
    """Asks beside the chosen action why."""

    reason = forms.CharField(label=gettext_lazy("Reason"), required=False, max_length=1000)
