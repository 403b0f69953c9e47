"""Expected failures of this app; `config.problems` turns them into answers."""

from __future__ import annotations


class AccountsError(Exception):
    """Something about who is asking went wrong in a way that we expect."""


class InvalidToken(AccountsError):
    """A session token or site key was given and is not valid; never treated as anonymous."""
