"""The promotion code of a request: counted before anybody looks whether it is good, so that none can be guessed."""

from __future__ import annotations

from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts import limits
from accounts.models import User
from billing.errors import CodeRefused


def code(request: HttpRequest, text: str, *, reader: User) -> str:
    """Return the code that `reader` typed, if they may type one more.

    :raises CodeRefused: they have tried too many.
    """
    typed = text.strip()
    if typed and not limits.may_try_promotion(request, reader=reader.public_id):
        raise CodeRefused(_("You have tried many codes. Please try again in an hour."))
    return typed
