"""What a fresh process needs before it can live through histories: Django, and a database of its own in memory."""

from __future__ import annotations

import gc
import os

import django
from django.db import connection
from django.test.utils import setup_test_environment


def settle() -> None:
    """Make this process ready; it may have imported nothing of ours before."""
    os.nice(19)  # whatever else runs meanwhile comes first
    os.environ["DATABASE_URL"] = "sqlite://:memory:"
    django.setup()
    setup_test_environment(debug=False)
    connection.settings_dict["TEST"]["NAME"] = None
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    # What is loaded stays: no collection has to walk it again.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
