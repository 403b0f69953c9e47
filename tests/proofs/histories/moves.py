"""What may happen in a history, each as a line of text: made from a seed, printed, shortened and read back again.

Whatever a move leaves to chance comes from numbers that it carries, so leaving one out changes no other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

GOOD, FAILS_LATER, ASKS_ALWAYS = "4242424242424242", "4000000000000341", "4000002760003184"
IN_ORDER = "in-order"
# A worker whose look takes longer than this has lost its lease to whoever comes next.
LEASE = 120

_WHILE = " => "
_AND = " & "
_PLANS = ("premium_monthly", "premium_monthly", "culture_monthly", "team_monthly")
_DAY = 24 * 3600
_CALLS = (
    *("*", "*", "GET:*", "POST:*"),
    *("GET:/v1/customers/*", "GET:/v1/subscriptions*", "GET:/v1/invoices*", "GET:/v1/payment_methods*"),
    *("GET:/v1/events*", "GET:/v1/checkout/sessions/*", "POST:/v1/checkout/sessions*"),
    *("POST:/v1/subscriptions/*", "POST:/v1/invoices/*", "DELETE:*"),
    *("GET:/v1/charges", "POST:/v1/refunds", "POST:/v1/payment_intents/*"),
)
# The calls of a look: news may come before any of them, and matters most after the subscriptions were fetched.
_OF_A_LOOK = (
    *("GET:/v1/customers/*", "GET:/v1/subscriptions"),
    *("GET:/v1/invoices", "GET:/v1/invoices", "GET:/v1/payment_methods", "GET:/v1/payment_methods"),
    "GET:/v1/charges",
)
_TROUBLE = (
    *("status 429", "status 409", "status 500", "status 500"),
    *("recorded 500", "drop_request", "drop_response"),
)


@dataclass(frozen=True, slots=True)
class Move:
    """One thing that happens: a verb of `History` and its arguments; `meanwhile` happens during a slow answer."""

    words: tuple[str, ...]
    meanwhile: tuple[Move, ...] = ()

    def __str__(self) -> str:
        said = " ".join(self.words)
        return f"{said}{_WHILE}{_AND.join(map(str, self.meanwhile))}" if self.meanwhile else said

    def simpler(self) -> list[Move]:
        """Return moves that do a little less, for whoever looks for the least that fails."""
        if self.words[0] == "deliver" and self.words[1] != IN_ORDER:
            return [Move(("deliver", IN_ORDER))]
        others = [self.meanwhile[:at] + self.meanwhile[at + 1 :] for at in range(len(self.meanwhile))]
        return [Move(self.words, meanwhile) for meanwhile in others]


def read(text: str) -> list[Move]:
    """Read moves back from the lines in which they were printed."""
    return [_move(line.strip()) for line in text.replace(";", "\n").splitlines() if line.strip()]


def written(moves: Sequence[Move]) -> str:
    """Return moves as `read` takes them."""
    return "; ".join(map(str, moves))


def of(seed: int) -> list[Move]:
    """Return the history of that number: 3 to 12 changes, the news of each, and what we and Stripe do meanwhile.

    Many begin with what takes several moves.
    """
    dice = random.Random(seed)
    moves = [*_spoilt(dice), *read(dice.choice(_BEGINNINGS))] if dice.random() < 0.4 else []
    # Short ones more often: what goes wrong at all goes wrong in a few moves, and so more of them can be tried.
    for change in range(dice.randint(3, dice.randint(3, 12))):
        moves += _spoilt(dice)
        # Most begin with a purchase, or there would be little to get wrong.
        moves.append(_change_of(dice) if change or dice.random() < 0.6 else Move(tuple(_buy(dice).split())))
        moves.append(_deliver(dice))
        moves += _ours(dice)
    moves += [_deliver(dice, last=True), _work(dice)]
    if dice.random() < 0.2:
        moves.append(Move(("replay",)))
    return moves


def _move(line: str) -> Move:
    said, _, during = line.partition(_WHILE)
    return Move(
        tuple(said.split()), tuple(_move(part) for part in during.split(_AND.strip()) if part.strip())
    )


def _change_of(dice: random.Random) -> Move:
    """What a reader, staff or time does."""
    make = dice.choice(_BESIDES if dice.random() < 0.15 else _CHANGES)
    return Move(tuple(make(dice).split()))


def _at_stripe(dice: random.Random) -> Move:
    """A change that needs nothing of ours, so that it may happen at any moment."""
    make = dice.choice(_AT_STRIPE)
    return Move(tuple(make(dice).split()))


def _deliver(dice: random.Random, *, last: bool = False) -> Move:
    return Move(("deliver", str(dice.randrange(100_000)), *(["last"] if last else [])))


def _work(dice: random.Random) -> Move:
    return Move(("work", "clear") if dice.random() < 0.25 else ("work",))


def _spoilt(dice: random.Random) -> list[Move]:
    """What goes wrong with the calls that come next: nothing most of the time."""
    chance = dice.random()
    if chance < 0.2:
        times = dice.choice([1, 2, 3, 3, 4, 6])  # up to twice the SDK tries again by itself
        return [Move(("fault", dice.choice(_CALLS), str(times), *dice.choice(_TROUBLE).split()))]
    if chance < 0.36:
        seconds = f"{dice.uniform(1, 9):.2f}"
        during = (_at_stripe(dice), _deliver(dice), Move(("work",)))
        return [Move(("slow", seconds, dice.choice(_OF_A_LOOK)), during[: dice.choice([1, 3])])]
    if chance < 0.4:
        seconds = f"{dice.uniform(LEASE + 1, 3 * LEASE):.2f}"
        during = (_at_stripe(dice), _deliver(dice), _work(dice))
        return [Move(("slow", seconds, dice.choice(_OF_A_LOOK)), during)]
    return []


def _ours(dice: random.Random) -> list[Move]:
    """What our workers and our schedule do next."""
    moves = []
    if dice.random() < 0.05:
        moves.append(Move(("die", dice.choice(["event", "look"]))))
    if dice.random() < 0.5:
        moves.append(_work(dice))
    if dice.random() < 0.06:
        moves.append(Move((dice.choice(["boundaries", "stale", "replay", "compare"]),)))
    return moves


def _one(dice: random.Random) -> str:
    """Which of the open subscriptions is meant."""
    return str(dice.randrange(12))


def _card(dice: random.Random) -> str:
    return dice.choice([GOOD, GOOD, GOOD, FAILS_LATER, ASKS_ALWAYS])


def _buy(dice: random.Random) -> str:
    return f"buy {dice.choice(_PLANS)} {_card(dice)}"


def _click_buy(dice: random.Random) -> str:
    return f"click_buy {dice.choice((*_PLANS, 'premium_day'))} {_card(dice)} {dice.choice(['back', 'gone'])}"


def _wait(dice: random.Random) -> str:
    return f"wait {int(dice.choice([0.02, 1, 3, 8, 15, 31, 31, 35]) * _DAY)}"


def _swap_card(dice: random.Random) -> str:
    return f"swap_card {dice.choice([FAILS_LATER, FAILS_LATER, ASKS_ALWAYS, GOOD])}"


def _cancel_by_date(dice: random.Random) -> str:
    return f"cancel_by_date {dice.choice([2, 20, 50]) * _DAY} {_one(dice)}"


def _change_plan(dice: random.Random) -> str:
    return f"change_plan {dice.choice(_PLANS[1:])} {_one(dice)}"


def _change_seats(dice: random.Random) -> str:
    return f"change_seats {dice.choice([1, 2, 3])} {_one(dice)}"


def _stop_collecting(dice: random.Random) -> str:
    return f"stop_collecting {dice.choice(['void', 'keep_as_draft'])} {_one(dice)}"


def _delete(dice: random.Random) -> str:
    return "delete" if dice.random() < 0.3 else "nothing"


def _card_form(dice: random.Random) -> str:
    return f"click_card {dice.choice([GOOD, GOOD, FAILS_LATER])} {dice.choice(['back', 'gone'])}"


def _click_change(dice: random.Random) -> str:
    return f"click_change {dice.choice(_PLANS[1:])}"


def _click_pause(dice: random.Random) -> str:
    return f"click_pause {dice.choice([40, 60, 95]) * _DAY}"


def _give_back(dice: random.Random) -> str:
    return f"give_back {dice.choice(['part', 'part', 'whole'])} {_one(dice)}"


def _click_refund(dice: random.Random) -> str:
    return f"click_refund {dice.choice(['part', 'whole'])} {dice.choice(['keep', 'withdraw'])} {_one(dice)}"


def _verdict(dice: random.Random) -> str:
    return f"verdict {dice.choice(['winning', 'losing'])} {_one(dice)}"


def _click_give(dice: random.Random) -> str:
    return f"click_give {dice.choice(['back', 'gone'])}"


def _click_redeem(dice: random.Random) -> str:
    return f"click_redeem {_who(dice)} {_one(dice)}"


def _click_comp(dice: random.Random) -> str:
    return f"click_comp {_who(dice)} {dice.choice([1, 5, 30])}"


def _who(dice: random.Random) -> str:
    return dice.choice(["reader", "friend"])


def _with_one(verb: str) -> Callable[[random.Random], str]:
    return lambda dice: f"{verb} {_one(dice)}"


def _plain(verb: str) -> Callable[[random.Random], str]:
    return lambda _dice: verb


# Each as often as it stands here.
_AT_STRIPE: tuple[Callable[[random.Random], str], ...] = (
    _buy, _buy, _wait, _wait, _wait, _wait, _swap_card, _swap_card, _plain("recover"), _with_one("cancel"),
    _cancel_by_date, _with_one("cancel_now"), _with_one("keep"), _stop_collecting, _with_one("collect_again"),
    _change_plan, _plain("void"), _delete, _give_back, _with_one("dispute"), _verdict, _change_seats,
)  # fmt: skip
_CHANGES = (
    *_AT_STRIPE, _wait, _click_buy, _plain("click_cancel"), _plain("click_resume"), _card_form, _click_refund,
    _click_change, _click_pause, _plain("click_return"),
)  # fmt: skip
# What needs no subscription, or comes by somebody else's.
_BESIDES = (
    _plain("click_invite"), _with_one("click_accept"), _plain("click_leave"), _plain("click_remove"),
    _click_give, _click_redeem, _with_one("click_take_back"), _click_comp, _with_one("click_end_comp"),
)  # fmt: skip
# What takes several moves seldom happens by chance, so many begin with it. The news of it comes in between.
_HEARD = f"deliver {IN_ORDER}; work"
_BEGINNINGS = (
    f"click_buy premium_monthly {GOOD} back; click_change culture_monthly",
    f"buy culture_monthly {GOOD}; {_HEARD}; click_change team_monthly",
    f"buy premium_monthly {FAILS_LATER}; {_HEARD}; click_change team_monthly; click_card {GOOD} gone",
    f"click_buy premium_monthly {GOOD} back; click_pause {40 * _DAY}; wait {10 * _DAY}; click_resume",
    f"click_buy premium_monthly {GOOD} back; click_pause {40 * _DAY}; wait {35 * _DAY}; {_HEARD}; click_resume",
    f"click_buy premium_monthly {GOOD} back; click_pause {60 * _DAY}; wait {95 * _DAY}",
    f"click_buy premium_monthly {GOOD} back; click_cancel; wait {31 * _DAY}; {_HEARD}; click_return",
    f"buy team_monthly {GOOD}; cancel_now 0; {_HEARD}; click_return",
    f"click_buy team_monthly {GOOD} back; click_invite; click_accept 0",
    f"click_buy team_monthly {GOOD} back; click_invite; click_accept 0; click_cancel; wait {31 * _DAY}; {_HEARD}",
    f"click_buy team_monthly {GOOD} gone; {_HEARD}; click_invite; click_accept 0; change_seats 1 0",
    f"click_buy team_monthly {GOOD} back; click_invite; click_accept 0; click_leave; click_invite",
    f"click_buy team_monthly {GOOD} back; click_invite; click_accept 0; click_remove",
    f"click_buy premium_day {GOOD} back; give_back whole 0",
    f"click_buy premium_day {GOOD} gone",
    "click_give back; click_redeem reader 0; give_back whole 0",
    "click_give gone; click_give back; click_redeem friend 1",
    "click_give back; click_take_back 0",
    f"click_buy premium_monthly {GOOD} back; click_cancel; click_give back; click_redeem reader 0; wait {35 * _DAY}",
    "click_comp reader 30; click_end_comp 0",
)
