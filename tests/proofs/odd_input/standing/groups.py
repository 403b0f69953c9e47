"""Groups: the subscriber's own family, which has free places, and a neighbour's, in which they are wanted."""

from __future__ import annotations

from schemathesis import Case

from accounts import clock
from accounts.models import User
from billing import changing, gateway, groups
from billing.models import Seat
from tests.billing.groups import token_for
from tests.factories.accounts import a_reader
from tests.proofs.odd_input.callers import subscribe
from tests.proofs.odd_input.interview import Ask
from tests.proofs.odd_input.standing.subscriptions import running

_PRICE = "family_monthly"
_NEIGHBOUR, _FRIEND = "neighbour@example.org", "friend@example.org"


def _invite(case: Case, reader: User, _ask: Ask) -> None:
    _own_family(reader)
    case.body = {"email": _FRIEND}


def _remove(case: Case, reader: User, _ask: Ask) -> None:
    _own_family(reader)
    case.path_parameters["seat"] = str(groups.invite(reader, _FRIEND, now=clock.now()).pk)


def _join(case: Case, reader: User, _ask: Ask) -> None:
    case.body = {"token": _token(reader)}


def _leave(case: Case, reader: User, _ask: Ask) -> None:
    case.path_parameters["seat"] = str(groups.accept(reader, _token(reader), now=clock.now()).pk)


LEADS = {
    "POST /api/v1/group/invitations": _invite,
    "DELETE /api/v1/group/places/{seat}": _remove,
    "POST /api/v1/group/memberships": _join,
    "DELETE /api/v1/group/memberships/{seat}": _leave,
}


def _own_family(owner: User) -> None:
    """Let what the owner subscribes to be a family with nobody in it yet."""
    row, stripe = running(owner), gateway.default()
    _empty(owner)
    if groups.free(row, now=clock.now()):
        return
    shown = changing.propose(owner, price=_PRICE, gateway=stripe, now=clock.now())
    changing.agree(
        owner, price=_PRICE, shown_at=shown.shown_at, amount=shown.amount, gateway=stripe, now=clock.now()
    )


def _token(guest: User) -> str:
    """Return the token of an invitation into the neighbour's family, sent just now."""
    neighbour = User.objects.filter(email=_NEIGHBOUR).first() or _new_neighbour()
    _empty(neighbour)
    groups.invite(neighbour, guest.email, now=clock.now())
    return token_for(guest.email)


def _new_neighbour() -> User:
    neighbour = a_reader(_NEIGHBOUR)
    subscribe(neighbour, price=_PRICE)
    return neighbour


def _empty(owner: User) -> None:
    """Take every place back. With the mails that nobody has sent yet goes what counts towards the day's limit."""
    for seat in Seat.objects.living().filter(subscription__customer__reader=owner):
        groups.remove(owner, str(seat.pk), now=clock.now())
