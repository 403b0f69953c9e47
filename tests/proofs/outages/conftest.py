"""The one installation that these proofs freeze, flush and kill."""

from __future__ import annotations

from tests.proofs.processes.installation import installation, shared_installation  # noqa: F401  to be found here
