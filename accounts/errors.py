"""Expected failures of this app; `config.problems` turns them into answers."""

from __future__ import annotations


class AccountsError(Exception):
    """Something about who is asking went wrong in a way that we expect."""


class InvalidToken(AccountsError):
    """A session token or site key was given and is not valid; never treated as anonymous."""


class ConflictingCredentials(AccountsError):
    """One call carried two kinds of credentials, so that nobody can say who is asking."""


class ReaderUnknown(AccountsError):
    """A site named a reader whom we do not have."""


class AddressUnreadable(AccountsError):
    """A site stated a reader's network address that is none."""


class Busy(AccountsError):
    """So many passwords are being checked that one more would only wait too long."""


class StaffStay(AccountsError):
    """A member of staff asked to close an account that the house depends on."""
