"""What staff see of what may be read: articles, rights and why somebody may read; the rules and their
versions; the keys of access tokens.
"""

from __future__ import annotations

from paywall.admin import crawlers, places, reading, rules, signing

__all__ = ["crawlers", "places", "reading", "rules", "signing"]
