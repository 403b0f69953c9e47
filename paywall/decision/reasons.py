"""The closed public vocabulary: reason codes, the access each one fixes, and the remedies.

Added to, never renamed (api.md). The wire names are the values.
"""

from __future__ import annotations

from enum import StrEnum


class Access(StrEnum):
    """How much of an article may be seen."""

    FULL = "full"
    TEASER = "teaser"
    NONE = "none"


class Reason(StrEnum):
    """Why; each reason fixes one access."""

    FREE = "free"
    REGISTERED = "registered"
    ENTITLED = "entitled"
    GRACE_PERIOD = "grace_period"
    METERED = "metered"
    GIFT_LINK = "gift_link"
    INSTITUTION = "institution"
    STAFF = "staff"
    VERIFIED_CRAWLER = "verified_crawler"

    REGISTRATION_REQUIRED = "registration_required"
    SUBSCRIPTION_REQUIRED = "subscription_required"
    UPGRADE_REQUIRED = "upgrade_required"
    METER_EXHAUSTED = "meter_exhausted"
    SUBSCRIPTION_ENDED = "subscription_ended"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_ACTION_REQUIRED = "payment_action_required"
    SUBSCRIPTION_PAUSED = "subscription_paused"
    ACCOUNT_BLOCKED = "account_blocked"

    UNPUBLISHED = "unpublished"
    EMBARGOED = "embargoed"
    CRAWLER_REFUSED = "crawler_refused"

    @property
    def access(self) -> Access:
        """The one access that this reason means."""
        if self in _FULL:
            return Access.FULL
        if self in _NONE:
            return Access.NONE
        return Access.TEASER


_FULL = frozenset(
    {
        Reason.FREE,
        Reason.REGISTERED,
        Reason.ENTITLED,
        Reason.GRACE_PERIOD,
        Reason.METERED,
        Reason.GIFT_LINK,
        Reason.INSTITUTION,
        Reason.STAFF,
        Reason.VERIFIED_CRAWLER,
    }
)
_NONE = frozenset({Reason.UNPUBLISHED, Reason.EMBARGOED, Reason.CRAWLER_REFUSED})


class Remedy(StrEnum):
    """A way in that a refused reader may take."""

    LOG_IN = "log_in"
    REGISTER = "register"
    VERIFY_EMAIL = "verify_email"
    SUBSCRIBE = "subscribe"
    UPGRADE = "upgrade"
    FIX_CARD = "fix_card"
    CONFIRM_PAYMENT = "confirm_payment"
    RESUME = "resume"
    SWITCH_ACCOUNT = "switch_account"
    WAIT = "wait"
