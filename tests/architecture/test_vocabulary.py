"""The public words are frozen: added to, never renamed."""

from __future__ import annotations

from paywall.decision.reasons import Access, Reason, Remedy

_FULL = "free registered entitled grace_period metered gift_link institution staff verified_crawler"
_TEASER = (
    "registration_required subscription_required upgrade_required meter_exhausted subscription_ended "
    "payment_failed payment_action_required subscription_paused account_blocked"
)
_NONE = "unpublished embargoed crawler_refused"
_REMEDIES = (
    "log_in register verify_email subscribe upgrade fix_card confirm_payment resume switch_account wait"
)


def test_every_reason_fixes_the_access_that_the_contract_says() -> None:
    expected = {
        **dict.fromkeys(_FULL.split(), Access.FULL),
        **dict.fromkeys(_TEASER.split(), Access.TEASER),
        **dict.fromkeys(_NONE.split(), Access.NONE),
    }
    assert {reason.value: reason.access for reason in Reason} == expected


def test_the_remedies_are_those_of_the_contract() -> None:
    assert [remedy.value for remedy in Remedy] == _REMEDIES.split()
