"""What a reader's devices are called on the page that lists them."""

from __future__ import annotations

import pytest
from django.utils import translation

from accounts import sessions

_KIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
_MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
_IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
            "Firefox on Windows",
        ),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_KIT} Chrome/131.0 Safari/537.36 Edg/131.0",
            "Edge on Windows",
        ),
        (f"Mozilla/5.0 (X11; Linux x86_64) {_KIT} Chrome/131.0 Safari/537.36 OPR/116.0", "Opera on Linux"),
        (
            f"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) {_KIT} Chrome/131.0 Safari/537.36",
            "Chrome on macOS",
        ),
        (f"{_MAC} Version/18.1 Safari/605.1.15", "Safari on macOS"),
        (f"{_IPHONE} Version/18.1 Mobile/15E148 Safari/604.1", "Safari on iPhone"),
        (f"{_IPHONE} CriOS/131.0 Mobile/15E148 Safari/604.1", "Chrome on iPhone"),
        (
            f"Mozilla/5.0 (Linux; Android 14; SM-S921B) {_KIT} SamsungBrowser/27.0 Chrome/125.0 Mobile Safari/537.36",
            "Samsung Internet on Android",
        ),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {_KIT} Chrome/131.0 Safari/537.36", "Chrome on ChromeOS"),
        ("CourantApp/4.2 (iPad; iOS 18.1)", "CourantApp on iPad"),
        ("curl/8.5.0", "curl"),
        ("Mozilla/5.0 (PlayStation 5)", "Unknown device"),
        ("Phone", "Phone"),
        ("x" * 200, "x" * 40),
        ("", "Unknown device"),
    ],
)
def test_a_device_is_called_as_its_owner_calls_it(user_agent: str, name: str) -> None:
    with translation.override("en"):
        assert sessions.device_name(user_agent) == name


def test_in_german_too() -> None:
    with translation.override("de"):
        assert sessions.device_name("Mozilla/5.0 (Windows NT 10.0) Firefox/133.0") == "Firefox auf Windows"
