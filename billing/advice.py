"""What can be done about a payment that failed, by the bank's code. Pure: codes in, one piece of advice out.

Stripe's code says what the bank said; its advice, where there is one, says what to do about it and is believed first.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

AUTHENTICATION = "authentication_required"

_DO_NOT_TRY_AGAIN = "do_not_try_again"
_CONFIRM_CARD_DATA = "confirm_card_data"


class Advice(StrEnum):
    """What helps."""

    CONFIRM = "confirm"  # the bank wants the reader's word; the card is good
    ANOTHER_CARD = "another_card"  # this card will not be charged again, however often it is tried
    CHECK_CARD = "check_card"  # something was typed wrong: the same card may do, entered again
    WAIT = "wait"  # nothing is wrong with the card: money, a limit, a bank that did not answer
    ASK_BANK = "ask_bank"  # the bank said no and not why


# "This card, never": lost, stolen, closed, expired, or not made for this.
_FINISHED = frozenset(
    {
        "card_not_supported",
        "currency_not_supported",
        "expired_card",
        "fraudulent",
        "highest_risk_level",
        "invalid_account",
        "lost_card",
        "new_account_information_available",
        "pickup_card",
        "restricted_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    }
)
_MISTYPED = frozenset(
    {
        "incorrect_address",
        "incorrect_cvc",
        "incorrect_number",
        "incorrect_zip",
        "invalid_cvc",
        "invalid_expiry_month",
        "invalid_expiry_year",
        "invalid_number",
    }
)
_PASSING = frozenset(
    {
        "approve_with_id",
        "card_velocity_exceeded",
        "insufficient_funds",
        "issuer_not_available",
        "processing_error",
        "reenter_transaction",
        "try_again_later",
        "withdrawal_count_limit_exceeded",
    }
)
# What Stripe's own retries leave out. They go on being planned, so that a date alone promises nothing.
_NOT_RETRIED = frozenset(
    {
        AUTHENTICATION,
        "highest_risk_level",
        "incorrect_number",
        "lost_card",
        "pickup_card",
        "revocation_of_all_authorizations",
        "revocation_of_authorization",
        "stolen_card",
        "transaction_not_allowed",
    }
)


def of(code: str, *, advice_code: str = "") -> Advice:
    """Return what helps after a failure with this code; one that we do not know is the bank's secret."""
    if code == AUTHENTICATION:
        return Advice.CONFIRM
    if code in _FINISHED or advice_code == _DO_NOT_TRY_AGAIN:
        return Advice.ANOTHER_CARD
    if code in _MISTYPED or advice_code == _CONFIRM_CARD_DATA:
        return Advice.CHECK_CARD
    return Advice.WAIT if code in _PASSING else Advice.ASK_BANK


def retry_at(planned: datetime | None, *, code: str, advice_code: str = "") -> datetime | None:
    """Return when the same card will really be tried again; None where a planned try will not be made."""
    is_final = code in _NOT_RETRIED or advice_code == _DO_NOT_TRY_AGAIN
    return None if is_final else planned
