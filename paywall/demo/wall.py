"""What stands where the rest of an article would: the paywall's decision, made ready for a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from paywall.demo import words
from paywall.demo.api import Decision, Plan, Remedy

# A decision about one of these ends as soon as a bank or a worker is done, so the page looks again often.
_SOON_OVER = frozenset({"payment_failed", "payment_action_required"})
_OFTEN, _SELDOM = 4, 8

_SELLING = ("subscribe", "upgrade")


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """A link that leads to the article."""

    kind: str
    label: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A plan that opens the article, with its prices in words."""

    name: str
    description: str
    prices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wall:
    """What a reader who may not read on is told, and what they can do about it.

    `look_again_after` is how many seconds the page waits before it asks again by itself; 0 means that it
    only asks when the reader comes back to it. `says_so` tells whether the reader is told to expect it.
    """

    title: str
    text: str
    primary: Action | None
    others: tuple[Action, ...]
    offers: tuple[Offer, ...]
    plans_url: str
    look_again_after: int
    says_so: bool


def build(
    decision: Decision,
    *,
    plans: Sequence[Plan],
    subscribe_url: str,
    signed_in: bool,
    catalogue: Mapping[str, str],
) -> Wall:
    """Return the wall for a decision whose access is not full; the first remedy becomes the main button."""
    actions = tuple(_action(remedy, catalogue) for remedy in decision.remedies if remedy.url)
    selling = next((action.url for action in actions if action.kind in _SELLING), subscribe_url)
    return Wall(
        title=decision.notice.title if decision.notice else catalogue["wall_title"],
        text=decision.notice.text if decision.notice else catalogue["wall_text"],
        primary=actions[0] if actions else None,
        others=actions[1:],
        offers=tuple(_offer(plan, catalogue) for plan in plans),
        plans_url=selling,
        look_again_after=_pause(decision, signed_in=signed_in),
        says_so=decision.reason in _SOON_OVER,
    )


def without_answer(*, url: str, catalogue: Mapping[str, str]) -> Wall:
    """Return the wall for when the paywall does not answer: the teaser, and a way to try again."""
    return Wall(
        title=catalogue["down_title"],
        text=catalogue["down_text"],
        primary=Action(kind="wait", label=catalogue["try_again"], url=url),
        others=(),
        offers=(),
        plans_url="",
        look_again_after=_OFTEN,
        says_so=True,
    )


def first_action(decision: Decision, *, catalogue: Mapping[str, str]) -> Action | None:
    """Return the nearest remedy as a link, or None if the decision names none that is a link."""
    return next((_action(remedy, catalogue) for remedy in decision.remedies if remedy.url), None)


def sells(decision: Decision, *, signed_in: bool) -> bool:
    """Tell whether the wall should say what opens the article and for how much.

    Never to a reader whose card failed or whose bank waits: they must not be sold a second subscription.
    """
    if decision.reason in _SOON_OVER or not decision.products:
        return False
    return not signed_in or any(remedy.kind in _SELLING for remedy in decision.remedies)


def _pause(decision: Decision, *, signed_in: bool) -> int:
    if decision.reason in _SOON_OVER:
        return _OFTEN
    return _SELDOM if signed_in else 0


def _offer(plan: Plan, catalogue: Mapping[str, str]) -> Offer:
    prices = (
        words.price(price.amount, interval=price.interval, count=price.count, words=catalogue)
        for price in plan.prices
    )
    return Offer(name=plan.name, description=plan.description, prices=tuple(prices))


def _action(remedy: Remedy, catalogue: Mapping[str, str]) -> Action:
    return Action(kind=remedy.kind, label=catalogue.get(remedy.kind, remedy.kind), url=remedy.url)
