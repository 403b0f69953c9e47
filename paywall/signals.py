"""News for the floor above: what the paywall tells billing, without knowing it."""

from __future__ import annotations

from django.dispatch import Signal

# Sent with reader=User, now=datetime, before a known reader is refused for want of a right. A receiver that asked
# somebody to look again, or knows that somebody is at it, returns True; the answer then says so.
refusing = Signal()
