"""Addresses by which somebody tries to have our readers sent elsewhere, and host names under which they call us."""

from __future__ import annotations

from collections.abc import Iterator

EVIL = "evil.example"
_SCHEMES = ("https", "http", "HTTPS", "hTTp", "ftp", "ws", "wss")
_SLASHES = ("//", "///", "////", "/", "", "\\\\", "\\/", "/\\", "/\\/", "\\", "/\t/", "/\n/", "/\r/", "\t//")
_EDGES = (
    "\t",
    "\n",
    "\r\n",
    " ",
    "\x01",
    "\x1f",
    "\x0b",
    "\x7f",
    "\u00a0",
    "\u2028",
    "\u200b",
    "\ufeff",
    "%09",
    "%0d%0a",
    "%20",
)
_NO_PLACES = (
    *("javascript:alert(1)", "JaVaScRiPt:alert(1)", "java\tscript:alert(1)", "java\nscript:alert(1)"),
    *(
        "javascript://%0aalert(1)",
        "javascript:\\u0061lert(1)",
        "\x01javascript:alert(1)",
        " javascript:alert(1)",
    ),
    *(
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4=",
        "DATA:,x",
        "vbscript:x",
    ),
    *(
        "file:///etc/passwd",
        "mailto:x@evil.example",
        "blob:https://evil.example/x",
        "about:blank",
        "intent://x",
    ),
    *("view-source:https://evil.example", "tel:1", "sms:1", "chrome://settings", "x-evil:go"),
)


def targets(*, site: str, allowed: str) -> Iterator[str]:
    """Yield them; `site` and `allowed` are origins that are ours."""
    ours, theirs = site.partition("://")[2], allowed.partition("://")[2]
    yield from (f"{scheme}:{slashes}{EVIL}/" for scheme in _SCHEMES for slashes in _SLASHES)
    yield from (f"{slashes}{EVIL}/" for slashes in _SLASHES)
    yield from (f"{edge}//{EVIL}" for edge in _EDGES)
    yield from (f"{edge}https://{EVIL}" for edge in _EDGES)
    yield from (f"/{edge}/{EVIL}" for edge in _EDGES)
    yield from (f"/{edge}//{EVIL}" for edge in _EDGES)
    yield from _NO_PLACES
    for host in (ours, theirs):
        yield from (f"{start}{host}{end}" for start in ("http://", "//", "https://") for end in _disguises())
    yield from _odd_hosts(ours)
    yield from (f"//{EVIL}/{'a' * 5000}", f"https://{EVIL}/?{'b=c&' * 2000}", f"{'/' * 3000}{EVIL}")


def hosts() -> Iterator[str]:
    """Yield host names that are not ours."""
    yield from (
        EVIL,
        f"{EVIL}:8000",
        f"{EVIL}.",
        f"localhost.{EVIL}",
        f"localhost-{EVIL}",
        f"127.0.0.1.{EVIL}",
    )
    yield from (f"localhost@{EVIL}", f"localhost:8000@{EVIL}", f"localhost, {EVIL}", f"{EVIL}, localhost")
    yield from (
        f"{EVIL}#localhost",
        f"{EVIL}/localhost",
        f"{EVIL}?localhost",
        f"localhost/{EVIL}",
        "localhost:evil",
    )
    yield from (f"localhost {EVIL}", f"localhost\\{EVIL}", "[::1", f"[::1]{EVIL}", "[::1]:x", "%6cocalhost")
    yield from (
        "localhost..",
        "xlocalhost",
        "127.1",
        "0x7f000001",
        "2130706433",
        "[::ffff:127.0.0.1]",
        "*",
        ".",
    )


def headers() -> Iterator[dict[str, str]]:
    """Yield headers by which some server or framework would take another host for ours."""
    for name in (
        *("X-Forwarded-Host", "X-Forwarded-Server", "X-Host", "X-Original-Host", "X-HTTP-Host-Override"),
        *("X-Original-URI", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Uri", "X-Forwarded-Path"),
        *("X-Forwarded-Prefix", "X-Script-Name", "X-Base-URL", "Base-Url", "X-Proxy-Host", "X-Proxy-URL"),
        *("Origin", "Referer", "From", "Via", "X-Wap-Profile", "Destination", "X-Forwarded-For"),
    ):
        yield {name: EVIL}
        yield {name: f"https://{EVIL}/"}
    yield {"Forwarded": f"for=1.2.3.4;host={EVIL};proto=https"}
    yield {"Forwarded": f'host="{EVIL}"'}
    yield {"X-Forwarded-Host": f"{EVIL}, localhost", "X-Forwarded-Proto": "https", "X-Forwarded-Port": "443"}
    yield {"X-Forwarded-Proto": f"https://{EVIL}"}


def _disguises() -> Iterator[str]:
    yield from (
        f".{EVIL}/",
        f"@{EVIL}/",
        f":80@{EVIL}/",
        f":x@{EVIL}/",
        f"\\@{EVIL}/",
        f"%40{EVIL}/",
        f"%2e{EVIL}/",
    )
    yield from (
        f"\t.{EVIL}/",
        f"\uff0e{EVIL}/",
        f"\u3002{EVIL}/",
        f"\uff20{EVIL}/",
        "1/",
        f"%00.{EVIL}/",
        f"-{EVIL}",
    )


def _odd_hosts(ours: str) -> Iterator[str]:
    yield from (
        f"//{EVIL}\\@{ours}",
        f"//{EVIL}#{ours}",
        f"//{EVIL}?{ours}",
        f"//{EVIL}/@{ours}",
        f"//{EVIL}%2f@{ours}",
    )
    yield from (f"//{EVIL}%5c{ours}", f"//{EVIL}:80\\{ours}/", f"//@{EVIL}", f"//:@{EVIL}", f"//x:y@{EVIL}")
    yield from (
        "//evil\u3002example/",
        "//evil\uff0eexample/",
        "//evil\uff61example/",
        "//\u24d4vil.example/",
        "//ev\u00adil.example",
    )
    yield from (
        "//[::1]/",
        "http://[::1",
        "//0x7f.1/",
        "//2130706433/",
        "//127.1/",
        "//localhost/",
        "//[::ffff:1.2.3.4]/",
    )
    yield from (
        "/..//evil.example",
        "/.//evil.example",
        "/%2e%2e//evil.example",
        "./\\evil.example",
        "..//evil.example",
    )
    yield from (
        "%2f%2fevil.example",
        "/%2f/evil.example",
        "/%5cevil.example",
        "%5c%5cevil.example",
        "/%09/evil.example",
    )
    yield from (
        ";//evil.example",
        "?//evil.example",
        "#//evil.example",
        "@evil.example",
        ".evil.example",
        ":80",
    )
    yield from (
        "http:",
        "http://",
        "https:///",
        "//",
        "///",
        "\\",
        "http://?",
        "http://#@evil.example",
        "//\t/evil.example",
    )
