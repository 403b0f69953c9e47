"""What falls due as time passes, and in which order it is done.

What is due is read off the objects themselves, so nothing is lost by a restart. Each object has at most one next
thing to do; after doing it, the objects it may have changed are looked at again.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass

from . import checkout, lifecycle, refunds
from .clock import DAY, HOUR
from .invoicing import draft
from .store import Obj
from .world import World

_KINDS = ("subscription", "invoice", "checkout.session", "refund")
_TRIAL_NOTICE = 3 * DAY


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to do to an object at a moment; `rank` orders what falls on the same second."""

    at: int
    rank: int
    do: Callable[[World, Obj], None]


def run(world: World, *, until: int) -> None:
    """Do everything that is due by `until`, in time order, each thing at its own moment."""
    heap: list[tuple[int, int, int, str, str]] = []
    pushed = 0

    def push(obj: Obj) -> None:
        nonlocal pushed
        work = _next_work(world, obj)
        if work is not None and work.at <= until:
            pushed += 1
            heapq.heappush(heap, (work.at, work.rank, pushed, obj["object"], obj["id"]))

    for kind in _KINDS:
        for obj in world.store.all(kind):
            push(obj)
    while heap:
        at, _, _, kind, identifier = heapq.heappop(heap)
        due = world.store.get(kind, identifier)
        work = _next_work(world, due)
        if work is None:
            continue
        if work.at == at:
            with world.clock.standing_at(at):
                work.do(world, due)
            world.store.touch()
        for related in _touched_by(world, due):
            push(related)


def next_moment(world: World) -> int | None:
    """Return when something is due next."""
    works = (_next_work(world, obj) for kind in _KINDS for obj in world.store.all(kind))
    return min((work.at for work in works if work is not None), default=None)


def _touched_by(world: World, obj: Obj) -> list[Obj]:
    if obj["object"] == "invoice":
        subscription = lifecycle.subscription_of(world, obj)
    else:
        subscription = obj if obj["object"] == "subscription" else None
    latest = world.store.find("invoice", subscription["latest_invoice"]) if subscription else None
    return list({entry["id"]: entry for entry in (obj, subscription, latest) if entry is not None}.values())


def _next_work(world: World, obj: Obj) -> Work | None:
    works = _WORKS[obj["object"]](world, obj)
    return min(works, key=lambda work: (work.at, work.rank), default=None)


def _of_subscription(world: World, subscription: Obj) -> list[Work]:
    if subscription["status"] in lifecycle.ENDED:
        return []
    if subscription["status"] == "incomplete":
        return [
            Work(
                subscription["created"] + world.policy.incomplete_hours * HOUR, 0, lifecycle.expire_incomplete
            )
        ]
    works = []
    end = lifecycle.period_of(subscription)[1]
    if subscription["cancel_at"]:
        works.append(Work(subscription["cancel_at"], 0, _cancel_as_planned))
    if subscription["status"] == "paused":
        return works
    works.append(Work(end, 1, lifecycle.renew))
    if (subscription["pause_collection"] or {}).get("resumes_at"):
        works.append(Work(subscription["pause_collection"]["resumes_at"], 0, _collect_again))
    if (subscription["pending_update"] or {}).get("expires_at"):
        works.append(Work(subscription["pending_update"]["expires_at"], 0, lifecycle.drop_waiting_change))
    if subscription["status"] == "trialing" and not subscription.get("_trial_notice"):
        works.append(Work(max(subscription["created"], end - _TRIAL_NOTICE), 0, _announce_trial_end))
    elif (
        subscription["status"] == "active"
        and subscription.get("_announced") != end
        and not _ends_at(subscription, end)
    ):
        works.append(Work(end - world.policy.upcoming_days * DAY, 0, _announce_renewal))
    # A notice whose time was before the subscription's own beginning is simply late.
    return [
        work if work.at >= subscription["created"] else Work(subscription["created"], 0, work.do)
        for work in works
    ]


def _ends_at(subscription: Obj, end: int) -> bool:
    return bool(subscription["cancel_at"] and subscription["cancel_at"] <= end)


def _cancel_as_planned(world: World, subscription: Obj) -> None:
    lifecycle.end_subscription(world, subscription, reason="cancellation_requested")


def _collect_again(world: World, subscription: Obj) -> None:
    with world.changing(subscription, "customer.subscription.updated"):
        subscription["pause_collection"] = None


def _announce_trial_end(world: World, subscription: Obj) -> None:
    subscription["_trial_notice"] = True
    world.emit("customer.subscription.trial_will_end", subscription)


def _announce_renewal(world: World, subscription: Obj) -> None:
    """Send `invoice.upcoming`: a preview, never a stored invoice."""
    end = lifecycle.period_of(subscription)[1]
    subscription["_announced"] = end
    preview = preview_renewal(world, subscription)
    world.emit("invoice.upcoming", preview)


def preview_renewal(world: World, subscription: Obj) -> Obj:
    """Return the invoice that the next renewal will bring, as things stand."""
    before = lifecycle.period_of(subscription)
    period = (before[1], lifecycle.next_period_end(world, subscription, after=before[1]))
    lines = [*subscription["_pending_lines"], *lifecycle.lines_for(world, subscription, period=period)]
    invoice = draft(world, subscription, lines, reason="upcoming", period=before, at=before[1])
    invoice["id"] = world.ids.new("upcoming_in")
    invoice["created"] = before[1]
    invoice["next_payment_attempt"] = before[1] + world.policy.draft_seconds
    invoice["lines"]["url"] = f"/v1/invoices/upcoming/lines?subscription={subscription['id']}"
    return invoice


def _of_invoice(_world: World, invoice: Obj) -> list[Work]:
    if not invoice["auto_advance"]:
        return []
    if invoice["status"] == "draft" and invoice["automatically_finalizes_at"]:
        return [Work(invoice["automatically_finalizes_at"], 2, lifecycle.finalise_and_collect)]
    if invoice["status"] == "open" and invoice["next_payment_attempt"]:
        return [Work(invoice["next_payment_attempt"], 2, lifecycle.collect)]
    return []


def _of_session(_world: World, session: Obj) -> list[Work]:
    return [Work(session["expires_at"], 0, checkout.expire_session)] if session["status"] == "open" else []


def _of_refund(_world: World, refund: Obj) -> list[Work]:
    return [Work(refund["_settles_at"], 0, refunds.finish)] if refund.get("_settles_at") else []


_WORKS: dict[str, Callable[[World, Obj], list[Work]]] = {
    "subscription": _of_subscription,
    "invoice": _of_invoice,
    "checkout.session": _of_session,
    "refund": _of_refund,
}
