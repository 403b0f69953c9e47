"""Expected failures of this app; `config.problems` turns them into answers. A refusal is not one of them."""

from __future__ import annotations


class PaywallError(Exception):
    """Something about articles or rights went wrong in a way that we expect."""


class ArticleUnknown(PaywallError):
    """Nobody stated an article of this id."""


class ProductUnknown(PaywallError):
    """A product was named that does not exist."""


class RulesMissing(PaywallError):
    """An article leaves to the rules what it asks, and none are published."""


class RulesRefused(PaywallError):
    """A draft cannot be published: it holds mistakes, it is none, or a payer would lose; the text says which."""


class AccountBlocked(PaywallError):
    """A token was asked for a reader whose account is blocked."""


class SiteUnknown(PaywallError):
    """A token was asked for a site that is none of ours."""


class SigningKeyUnknown(PaywallError):
    """No key of this id is published."""


class GiftRefused(PaywallError):
    """A gift cannot be made; the text, for the reader, says why."""


class GiftsOff(GiftRefused):
    """This publisher has no gifts."""


class GiftNotYours(GiftRefused):
    """No right of the reader's own opens the article."""


class GiftQuotaUsed(GiftRefused):
    """All gifts of this month are made."""


class GiftUnknown(PaywallError):
    """The reader made no such gift, or has taken it back."""
