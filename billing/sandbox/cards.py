"""Stripe's test cards, and what the bank says when one is attached or charged. Pure: facts in, an answer out."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Decline:
    """A bank's refusal. `hard` means that trying the same card again is pointless."""

    code: str
    decline_code: str
    message: str
    hard: bool = False


class Authentication(StrEnum):
    """When the holder must confirm a payment."""

    NEVER = "never"
    UNLESS_SET_UP = "unless_set_up"
    ON_SESSION = "on_session"
    ALWAYS = "always"


class Answer(StrEnum):
    """What a bank says when it does not decline."""

    APPROVED = "approved"
    CONFIRM = "confirm"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestCard:
    """One row of Stripe's table of test cards.

    `attach` refuses the card when it is saved or first used; `charge` lets it be saved and refuses each charge;
    `after` is the refusal that follows a successful confirmation. `refund` is how a refund ends. `dispute` is why a
    charge is disputed afterwards; an `inquiry` is the mild form of it.
    """

    number: str
    tokens: tuple[str, ...] = ()
    brand: str = "visa"
    attach: Decline | None = None
    charge: Decline | None = None
    after: Decline | None = None
    authentication: Authentication = Authentication.NEVER
    refund: str = "succeeded"
    dispute: str = ""
    inquiry: bool = False
    says: str = ""

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        """Return the same letters for the same number, as Stripe does within one account."""
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]


def _declined(decline_code: str, message: str = "Your card was declined.", *, hard: bool = False) -> Decline:
    return Decline("card_declined", decline_code, message, hard=hard)


GENERIC = _declined("generic_decline")
INSUFFICIENT = _declined("insufficient_funds", "Your card has insufficient funds.")
AUTHENTICATION_REQUIRED = Decline(
    "authentication_required",
    "authentication_required",
    "Your card was declined. This transaction requires authentication.",
)
_EXPIRED = Decline("expired_card", "expired_card", "Your card has expired.", hard=True)
_CVC = Decline("incorrect_cvc", "incorrect_cvc", "Your card's security code is incorrect.")
_PROCESSING = Decline(
    "processing_error",
    "processing_error",
    "An error occurred while processing your card. Try again in a little bit.",
)
_VELOCITY = _declined(
    "card_velocity_exceeded", "Your card was declined for making repeated attempts too frequently."
)
_FRAUD = _declined("fraudulent", hard=True)

CARDS = (
    TestCard(number="4242424242424242", tokens=("pm_card_visa",), says="succeeds"),
    TestCard(
        number="5555555555554444",
        tokens=("pm_card_mastercard",),
        brand="mastercard",
        says="succeeds (Mastercard)",
    ),
    TestCard(
        number="4000000000000341",
        tokens=("pm_card_chargeCustomerFail",),
        charge=GENERIC,
        says="can be saved, then every charge is declined",
    ),
    TestCard(
        number="4000000000000002",
        tokens=("pm_card_visa_chargeDeclined", "pm_card_chargeDeclined"),
        attach=GENERIC,
        says="declined",
    ),
    TestCard(
        number="4000000000009995",
        tokens=("pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedInsufficientFunds"),
        attach=INSUFFICIENT,
        says="declined: insufficient funds",
    ),
    TestCard(
        number="4000000000009987",
        tokens=("pm_card_visa_chargeDeclinedLostCard",),
        attach=_declined("lost_card", hard=True),
        says="declined: lost card",
    ),
    TestCard(
        number="4000000000009979",
        tokens=("pm_card_visa_chargeDeclinedStolenCard",),
        attach=_declined("stolen_card", hard=True),
        says="declined: stolen card",
    ),
    TestCard(
        number="4000000000000069",
        tokens=("pm_card_chargeDeclinedExpiredCard",),
        attach=_EXPIRED,
        says="declined: expired",
    ),
    TestCard(
        number="4000000000000127",
        tokens=("pm_card_chargeDeclinedIncorrectCvc",),
        attach=_CVC,
        says="declined: wrong CVC",
    ),
    TestCard(
        number="4000000000000119",
        tokens=("pm_card_chargeDeclinedProcessingError",),
        attach=_PROCESSING,
        says="declined: processing error",
    ),
    TestCard(
        number="4000000000006975",
        tokens=("pm_card_visa_chargeDeclinedVelocityLimitExceeded",),
        attach=_VELOCITY,
        says="declined: used too often",
    ),
    TestCard(
        number="4000002500003155",
        tokens=("pm_card_authenticationRequiredOnSetup",),
        authentication=Authentication.UNLESS_SET_UP,
        says="asks for confirmation once",
    ),
    TestCard(
        number="4000002760003184",
        tokens=("pm_card_authenticationRequired",),
        authentication=Authentication.ALWAYS,
        says="asks for confirmation at every payment, renewals too",
    ),
    TestCard(
        number="4000003800000446",
        tokens=("pm_card_authenticationRequiredSetupForOffSession",),
        authentication=Authentication.ON_SESSION,
        says="renews by itself; asks when you are there",
    ),
    TestCard(
        number="4000008260003178",
        tokens=("pm_card_authenticationRequiredChargeDeclinedInsufficientFunds",),
        authentication=Authentication.ALWAYS,
        after=INSUFFICIENT,
        says="asks for confirmation, then insufficient funds",
    ),
    TestCard(
        number="4000000000003220",
        tokens=("pm_card_threeDSecure2Required",),
        authentication=Authentication.UNLESS_SET_UP,
        says="asks for confirmation (3D Secure 2)",
    ),
    TestCard(
        number="4000008400001629",
        tokens=("pm_card_threeDSecureRequiredChargeDeclined",),
        authentication=Authentication.UNLESS_SET_UP,
        after=GENERIC,
        says="asks for confirmation, then declined",
    ),
    TestCard(
        number="4000008400001280",
        tokens=("pm_card_threeDSecureRequiredProcessingError",),
        attach=_PROCESSING,
        says="confirmation cannot be looked up, then declined",
    ),
    TestCard(number="4000000000003055", tokens=("pm_card_threeDSecureOptional",), says="succeeds"),
    TestCard(
        number="4000000000007726",
        tokens=("pm_card_pendingRefund",),
        refund="pending",
        says="succeeds; a refund stays pending for a while",
    ),
    TestCard(
        number="4000000000005126",
        tokens=("pm_card_refundFail",),
        refund="failed",
        says="succeeds; a refund fails later",
    ),
    TestCard(
        number="4000000000000259",
        tokens=("pm_card_createDispute",),
        dispute="fraudulent",
        says="succeeds, then is disputed as fraudulent",
    ),
    TestCard(
        number="4000000000002685",
        tokens=("pm_card_createDisputeProductNotReceived",),
        dispute="product_not_received",
        says="succeeds, then is disputed as not received",
    ),
    TestCard(
        number="4000000000001976",
        tokens=("pm_card_createDisputeInquiry",),
        dispute="general",
        inquiry=True,
        says="succeeds, then the bank inquires",
    ),
    TestCard(number="4100000000000019", attach=_FRAUD, says="always blocked as fraudulent"),
)

_BY_NUMBER = {card.number: card for card in CARDS}
_BY_TOKEN = {token: card for card in CARDS for token in card.tokens}


def by_number(number: str) -> TestCard | None:
    """Return the test card with this number, or with these last four digits."""
    digits = "".join(character for character in number if character.isdigit())
    if len(digits) == 4:
        return next((card for card in CARDS if card.last4 == digits), None)
    return _BY_NUMBER.get(digits)


def by_token(token: str) -> TestCard | None:
    """Return the test card that a token such as `pm_card_visa` stands for."""
    return _BY_TOKEN.get(token)


def charge(card: TestCard, *, on_session: bool, set_up: bool, confirmed: bool) -> Answer | Decline:
    """Return the bank's answer to a charge. `confirmed` means that the holder has just confirmed this payment."""
    if card.attach or card.charge:
        return card.attach or card.charge or GENERIC
    if not confirmed and _must_confirm(card, on_session=on_session, set_up=set_up):
        return Answer.CONFIRM
    return card.after or Answer.APPROVED


def save(card: TestCard, *, confirmed: bool) -> Answer | Decline:
    """Return the bank's answer when the card is to be saved for later."""
    if card.attach:
        return card.attach
    asks = card.authentication in {Authentication.UNLESS_SET_UP, Authentication.ALWAYS}
    return Answer.CONFIRM if asks and not confirmed else Answer.APPROVED


def _must_confirm(card: TestCard, *, on_session: bool, set_up: bool) -> bool:
    match card.authentication:
        case Authentication.ALWAYS:
            return True
        case Authentication.UNLESS_SET_UP:
            return not set_up
        case Authentication.ON_SESSION:
            return on_session
        case Authentication.NEVER:
            return False
