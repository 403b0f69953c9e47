"""Who reads by the reader's subscription, as moves of a history: a friend who is invited, comes and goes."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from accounts.models import Mail
from billing import groups
from billing.models import Seat
from billing.sandbox.store import Store
from tests.proofs.histories.ground import Ground


class Groups:
    """A part of `History`, which has all that is named here."""

    ground: Ground
    store: Store
    now: datetime

    def click_invite(self) -> None:
        groups.invite(self.ground.reader, self.ground.friend.email, now=self.now)

    def click_accept(self, which: str) -> None:
        """Follow the link of one of the mails, which need not be the newest."""
        mails = Mail.objects.filter(kind="group_invitation").order_by("pk")
        links = [re.search(r"/account/group/join/\?token=(\S+)", mail.text) for mail in mails]
        tokens = [found[1] for found in links if found is not None]
        if not tokens:
            raise LookupError("no invitation")
        groups.accept(self.ground.friend, tokens[-1 - int(which) % len(tokens)], now=self.now)

    def click_leave(self) -> None:
        groups.leave(self.ground.friend, str(self._seat().pk), now=self.now)

    def click_remove(self) -> None:
        groups.remove(self.ground.reader, str(self._seat().pk), now=self.now)

    def change_seats(self, quantity: str, which: str) -> None:
        """Let a subscription be for so many people, at Stripe."""
        (item,) = self.store.get("subscription", self.one(which))["items"]["data"]
        self.update(which, {"items": [{"id": item["id"], "quantity": int(quantity)}]})

    def _seat(self) -> Any:
        seat = Seat.objects.living().order_by("pk").last()
        if seat is None:
            raise LookupError("no place")
        return seat
