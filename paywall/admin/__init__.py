"""What staff see of what may be read: articles, rights and why somebody may read; the rules and their versions."""

from __future__ import annotations

from paywall.admin import crawlers, places, reading, rules

__all__ = ["crawlers", "places", "reading", "rules"]
