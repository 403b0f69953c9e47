"""What staff see of the keys that sign access tokens: when which one signed. `manage.py rotate_keys` changes them."""

from __future__ import annotations

from django.contrib import admin

from paywall.admin.reading import ReadOnly
from paywall.models import SigningKey


@admin.register(SigningKey)
class SigningKeyAdmin(ReadOnly):
    """The public half of each key, and its dates. The private half is shown to nobody."""

    list_display = ("kid", "state", "created_at", "signed_from", "retired_at", "gone_at")
    list_filter = ("state",)
    fields = ("kid", "state", "public_jwk", "created_at", "signed_from", "retired_at", "gone_at")
