"""What processes and Redis keep of this app's things, by name: whoever changes one voids it (`accounts.shelf.turn`)."""

from __future__ import annotations

# Rules, places, what crawlers are shown: what all articles are decided by.
CATALOGUE = "catalogue"
# Which article lies at which path.
PATHS = "paths"


def of_article(article_id: str) -> str:
    """Return the name of what is kept of an article."""
    return f"article:{article_id}"
