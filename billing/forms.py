"""The form with which a gift subscription is ordered."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from billing import oneoff
from billing.presents import Wish

_FARTHEST = timedelta(days=366)


class GiftForm(forms.Form):
    """Which gift, from whom, and for whom if we shall tell them."""

    price = forms.ChoiceField(
        label=gettext_lazy("Gift"),
        choices=lambda: [(row.slug, f"{row.name}: {row.text}") for row in oneoff.presents()],
        widget=forms.RadioSelect,
    )
    giver_email = forms.EmailField(
        label=gettext_lazy("Your e-mail address"),
        help_text=gettext_lazy("For the code and the receipt."),
        max_length=254,
    )
    giver_name = forms.CharField(label=gettext_lazy("Your name"), required=False, max_length=80)
    recipient_email = forms.EmailField(
        label=gettext_lazy("The recipient's e-mail address"),
        help_text=gettext_lazy("Only if we shall send the gift. You can also print it."),
        required=False,
        max_length=254,
    )
    send_on = forms.DateField(
        label=gettext_lazy("Send it on"),
        help_text=gettext_lazy("Leave it empty to send it at once."),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    message = forms.CharField(
        label=gettext_lazy("A few words"),
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3}),
    )
    attempt = forms.CharField(widget=forms.HiddenInput, max_length=60)

    def __init__(self, *args: Any, today: date, **kwargs: Any) -> None:
        """Know what day it is."""
        super().__init__(*args, **kwargs)
        self._today = today

    def clean_send_on(self) -> date | None:
        """Refuse days that have been, and those nobody will remember."""
        day: date | None = self.cleaned_data["send_on"]
        if day is not None and not self._today <= day <= self._today + _FARTHEST:
            raise forms.ValidationError(_("Choose a day from today on, within a year."))
        return day

    def wish(self) -> Wish:
        """Return what is asked for."""
        told = self.cleaned_data
        return Wish(
            attempt=told["attempt"],
            price=told["price"],
            giver_email=told["giver_email"],
            giver_name=told["giver_name"],
            recipient_email=told["recipient_email"],
            message=told["message"],
            send_on=told["send_on"],
        )
