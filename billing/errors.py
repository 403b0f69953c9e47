"""Expected failures of this app; `config.problems` turns them into answers.

BillingError
├── StripeTrouble            Stripe did not answer, or not in time: the same call may be repeated
├── StripeRefused            Stripe answered no, for a reason that repeating will not change
│   ├── CardRefused          … the card's, with a code that we can put into the reader's words
│   └── StripeGone           … the object does not exist (any more)
├── WebhookRefused           a delivery that is not genuine or not readable
├── NotOnSale                a price that the catalogue does not offer
├── CodeRefused              a code that gives nothing, or not for this price
├── SaleRefused              a purchase, or a change of one, that would not be what the reader wants
│   ├── AlreadySubscribed    … an open subscription already gives what was asked for
│   ├── PassRunning          … a day pass that runs already opens what was asked for
│   ├── PaymentWaiting       … a failed payment must be fixed first; a second subscription is not the answer
│   ├── CurrencyLocked       … in another currency than the one that Stripe keeps for this reader
│   ├── NotPossible          … what was asked cannot be done as things stand
│   ├── AmountOutdated       … it costs by now something else than was shown
│   └── CardOnFileRefused    … the card on file did not pay, and nothing was changed
├── RefundRefused            money that cannot be given back, or not so much, or not as things stand now
├── OtherMode                an object of Stripe's test mode met by a live key, or the other way round
├── MergeRefused             two customers that cannot be one reader's
├── LinkRefused              a link from a mail that is none of ours, or opens nothing any more
├── StatementRefused         a file that states the catalogue and cannot be meant
├── GroupRefused             a place in a group that cannot be offered or taken so
│   └── GroupFull            … because all are taken
├── InvitationGone           an invitation that is none, or none any more
├── CompRefused              free access that staff may not give so: no end, no reason, too long
├── GiftCodeRefused          a gift code that cannot be redeemed, whatever the reason
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


class CodeRefused(BillingError):
    """A code that nobody knows, that is over, or that is not for this price; the text is for the reader."""


class SaleRefused(BillingError):
    """A purchase or change that is not to be made; `remedies` say what they need instead, nearest first."""

    def __init__(self, message: str, *, remedies: tuple[dict[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.remedies = remedies


class AlreadySubscribed(SaleRefused):
    """An open subscription already gives what was asked for."""


class PassRunning(SaleRefused):
    """A day pass that runs already, or whose payment is on its way, opens what was asked for."""


class PaymentWaiting(SaleRefused):
    """A payment failed and waits for a working card; a second subscription is not the answer."""


class RefundRefused(BillingError):
    """Money that cannot be given back, or not so much of it, or not as things stand now; the text says which."""


class CurrencyLocked(SaleRefused):
    """Stripe charges this reader in another currency, and mixes no two."""


class OtherMode(BillingError):
    """An object of Stripe's test mode met by a live key, or the other way round: nothing is believed of it."""


class MergeRefused(BillingError):
    """Two customers that cannot be one reader's; the text says why, for staff."""


class LinkRefused(BillingError):
    """A link from a mail that is none of ours, or opens nothing any more."""


class StatementRefused(BillingError):
    """A file that states the catalogue and cannot be meant; `problems` says all that is wrong, with its place."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class NotPossible(SaleRefused):
    """What was asked cannot be done as things stand."""


class AmountOutdated(SaleRefused):
    """What was agreed to is not what it costs by now: it has to be shown again."""


class CardOnFileRefused(SaleRefused):
    """The card on file did not pay; nothing was changed, and nothing is owed."""


class GroupRefused(BillingError):
    """A place in a group that cannot be offered or taken so."""


class GroupFull(GroupRefused):
    """All places of the group are taken."""


class InvitationGone(BillingError):
    """An invitation that was never sent, was used, withdrawn, sent anew, or has run out."""


class CompRefused(BillingError):
    """Free access that cannot be given, extended or ended so."""


class GiftCodeRefused(BillingError):
    """A gift code that cannot be redeemed. It never says why: whoever guesses learns nothing."""


class PresentRefused(BillingError):
    """A gift subscription that cannot be bought, or given back, so."""


class CursorUnknown(BillingError):
    """A place in a list that we never named."""


class NothingToDo(BillingError):
    """There is no subscription in the state that this action needs."""
