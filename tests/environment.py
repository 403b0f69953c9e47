"""The environment of a test session; a pytest plugin, loaded before Django reads its settings."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path

_var = Path(tempfile.mkdtemp(prefix="paywall-tests-"))
atexit.register(shutil.rmtree, _var, ignore_errors=True)

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ["DEBUG"] = "1"
os.environ["VAR_DIR"] = str(_var)
os.environ["CLOCK_FILE"] = str(_var / "clock")
os.environ["SITE_URL"] = "http://localhost:8000"
os.environ["STRIPE_SECRET_KEY"] = "sk_test_0123456789abcdef"
os.environ["STRIPE_WEBHOOK_SECRETS"] = "whsec_tests_0123456789abcdef"
os.environ["STRIPE_API_BASE"] = "http://127.0.0.1:1"
os.environ["SITE_API_KEYS"] = "cms:site-key-for-tests-only"
os.environ["CORS_ALLOWED_ORIGINS"] = "http://localhost:8001"
os.environ["EMAIL_URL"] = "memorymail://"
# Playwright's synchronous API runs an event loop in the test's thread.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
