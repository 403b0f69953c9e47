"""What cannot work together, said when the service starts."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error
from django.urls import NoReverseMatch, reverse

from paywall.remedies import PAGES


def every_remedy_has_a_page(**_kwargs: Any) -> list[CheckMessage]:
    """Find remedies whose page no URLconf has: they are wired by name, which no import would catch."""
    return [
        Error(
            f"The remedy {remedy.value} leads to the page {page!r}, which does not exist.", id="paywall.E001"
        )
        for remedy, page in PAGES.items()
        if not _exists(page)
    ]


def _exists(page: str) -> bool:
    try:
        reverse(page)
    except NoReverseMatch:
        return False
    return True
