"""Pages for people: why the house in which a reader sits is recognised, or is not."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.views.generic import TemplateView

from accounts import clock, identity
from accounts.models import User
from paywall import recognition


class InstitutionPage(TemplateView):
    """What we see of a reader's network and address, whose it is, and what its IT department needs to know."""

    template_name = "paywall/institution.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Look from where this very request comes."""
        request, now = self.request, clock.now()
        reader = request.user if isinstance(request.user, User) else None
        address = identity.network_of(request)
        return super().get_context_data(
            address=address,
            memberships=recognition.of(reader, address, now=now),
            comes_through_a_proxy=_comes_through_a_proxy(request),
            email_domain=reader.email.rpartition("@")[2] if reader is not None else "",
            now=now,
            **kwargs,
        )


def _comes_through_a_proxy(request: HttpRequest) -> bool:
    """Whether a proxy that is not ours says that it asks for somebody else. Its word on the address is not taken."""
    return len(identity.hops_of(request)) > settings.TRUSTED_PROXIES
