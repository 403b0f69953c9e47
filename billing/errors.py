"""Expected failures of this app; `config.problems` turns them into answers.

BillingError
├── StripeTrouble            Stripe did not answer, or not in time: the same call may be repeated
├── StripeRefused            Stripe answered no, for a reason that repeating will not change
│   ├── CardRefused          … the card's, with a code that we can put into the reader's words
│   └── StripeGone           … the object does not exist (any more)
├── WebhookRefused           a delivery that is not genuine or not readable
├── NotOnSale                a price that the catalogue does not offer
├── SaleRefused              a purchase that would charge somebody twice
│   ├── AlreadySubscribed    … an open subscription already gives what was asked for
│   ├── PassRunning          … a day pass that runs already opens what was asked for
│   └── PaymentWaiting       … a failed payment must be fixed first; a second subscription is not the answer
├── CompRefused              free access that staff may not give so: no end, no reason, too long
├── CodeRefused              a gift code that cannot be redeemed, whatever the reason
├── PresentRefused           a gift subscription that cannot be bought or given back so
├── CursorUnknown            a place in a list that we never named
└── NothingToDo              no subscription in the state that this action needs
"""

from __future__ import annotations


class BillingError(Exception):
    """Something about money went wrong in a way that we expect."""


class StripeTrouble(BillingError):
    """Stripe did not answer, or not in time; the same call with the same key may be repeated.

    `answered` tells the case in which Stripe failed and said so: its answer is kept under the key.
    """

    def __init__(self, message: str = "", *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered


class StripeRefused(BillingError):
    """Stripe answered no, for a reason that repeating will not change."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class CardRefused(StripeRefused):
    """The card was declined or needs a confirmation; `code` says which (a decline code where there is one)."""


class StripeGone(StripeRefused):
    """The object does not exist at Stripe, or not any more."""


class WebhookRefused(BillingError):
    """A delivery that is not genuine (signature) or not readable (body)."""


class NotOnSale(BillingError):
    """A price that the catalogue does not offer."""


class SaleRefused(BillingError):
    """A purchase that would charge somebody twice; `remedies` say what they need instead, nearest first."""

    def __init__(self, message: str, *, remedies: tuple[dict[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.remedies = remedies


class AlreadySubscribed(SaleRefused):
    """An open subscription already gives what was asked for."""


class PassRunning(SaleRefused):
    """A day pass that runs already, or whose payment is on its way, opens what was asked for."""


class PaymentWaiting(SaleRefused):
    """A payment failed and waits for a working card; a second subscription is not the answer."""


class CompRefused(BillingError):
    """Free access that cannot be given, extended or ended so."""


class CodeRefused(BillingError):
    """A gift code that cannot be redeemed. It never says why: whoever guesses learns nothing."""


class PresentRefused(BillingError):
    """A gift subscription that cannot be bought, or given back, so."""


class CursorUnknown(BillingError):
    """A place in a list that we never named."""


class NothingToDo(BillingError):
    """There is no subscription in the state that this action needs."""
