"""Gift subscriptions: one that somebody has just paid, of something that the subscriber holds by nothing else."""

from __future__ import annotations

from django.core.cache import cache
from schemathesis import Case

from accounts import clock
from accounts.models import User
from billing import gateway, presents
from billing.models import Present
from billing.presents import Wish
from tests.proofs.odd_input.callers import pay
from tests.proofs.odd_input.interview import Ask


def _redeem(case: Case, _reader: User, _ask: Ask) -> None:
    cache.clear()  # the codes that were tried before are counted there
    case.body = {"code": presents.code_of(_paid())}


LEADS = {"POST /api/v1/gift-subscriptions/redeem": _redeem}


def _paid() -> Present:
    stripe = gateway.default()
    wish = Wish(
        attempt=f"gift {Present.objects.count()}", price="archive_gift", giver_email="giver@example.org"
    )
    presents.buy(wish, giver=None, gateway=stripe, now=clock.now())
    ordered = Present.objects.get(wish=wish.digest)
    pay(ordered.session_id)
    return presents.look(ordered, gateway=stripe, now=clock.now())
