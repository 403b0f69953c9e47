"""Finding the text of an article wherever it comes out, in whatever disguise.

Every part of every body carries a mark of its own, so that a leak of a part shows and says which part it was.
"""

from __future__ import annotations

import base64
import binascii
import codecs
import gzip
import hashlib
import html
import quopri
import re
import string
import zlib
from collections.abc import Iterator
from functools import lru_cache
from urllib.parse import unquote_to_bytes

# No word, address or token of ours holds these letters by chance.
STEM = "quagmirelantern"
PARTS = ("lead", "aside", "quote", "caption", "alt", "embed", "list", "close")
_DEPTH = 3
_LONGEST_INFLATED = 1_000_000


def mark(article: str, part: str) -> str:
    """Return the mark of one part of an article's body: lower-case letters only."""
    digest = hashlib.sha256(f"{article}/{part}".encode()).digest()
    return STEM + "".join(string.ascii_lowercase[byte % 26] for byte in digest[:9])


def body(article: str) -> str:
    """Return a body as a CMS states it: paragraphs, a quotation, a picture with its caption, an embed, a list."""
    it = {part: mark(article, part) for part in PARTS}
    return (
        f"<p>{it['lead']} said the harbour master.</p><p>It was {it['aside']} at night.</p>"
        f"<blockquote>{it['quote']}</blockquote>"
        f'<figure><img src="/quay.jpg" alt="{it["alt"]}"><figcaption>{it["caption"]}</figcaption></figure>'
        f'<iframe src="https://video.example/embed/{it["embed"]}"></iframe>'
        f"<ul><li>{it['list']}</li></ul><p>And so it ended, {it['close']}.</p>"
    )


def find(content: bytes | str) -> str:
    """Return what of a body is in `content` (a few letters and how they were found), "" where there is nothing."""
    data = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
    return _find(bytes(data))


@lru_cache(maxsize=4096)  # most answers of a scan are equal
def _find(data: bytes) -> str:
    seen = {data}
    layer = [data]
    for depth in range(_DEPTH + 1):
        for view in layer:
            found = _named_in(view)
            if found:
                return found
        if depth < _DEPTH:
            layer = [new for view in layer for new in _opened(view) if not (new in seen or seen.add(new))]
    return ""


# What is compared: letters and digits in lower case. So hyphens, soft or not, spaces and zero-width characters in
# between change nothing, and neither does writing in capitals.
_KEPT = (string.ascii_letters + string.digits).encode()
_DROPPED = bytes(set(range(256)) - set(_KEPT))
_LOWER = bytes(ord(chr(code).lower()) if code < 128 else code for code in range(256))
_TAG = re.compile(rb"<[^<>]*>")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_BROKEN_BASE64 = re.compile(rb"(?<=[A-Za-z0-9+/=])\r?\n(?=[A-Za-z0-9+/=])")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){12,}")
_ESCAPE = re.compile(rb"\\(?:x([0-9a-fA-F]{2})|u\{?([0-9a-fA-F]{2,6})\}?|([0-7]{3}))")
_MAGIC = {b"\x1f\x8b": 31, b"\x78\x01": 15, b"\x78\x5e": 15, b"\x78\x9c": 15, b"\x78\xda": 15}


def _base64_cores(text: bytes) -> Iterator[bytes]:
    """Yield what base64 makes of `text` wherever it stands in a longer text."""
    for shift in range(3):
        whole = base64.b64encode(b"\0" * shift + text)
        usable = len(text) - (3 - shift) % 3
        first = 4 if shift else 0
        yield whole[first : first + usable // 3 * 4]


def _needles() -> tuple[tuple[str, bytes], ...]:
    return (
        ("plain", STEM.encode()),
        ("reversed", STEM[::-1].encode()),
        ("rot13", codecs.encode(STEM, "rot13").encode()),
        ("hex", STEM.encode().hex().encode()),
        ("hex of capitals", STEM.upper().encode().hex().encode()),
    )


_NEEDLES = _needles()
_CASED = tuple(
    ("base64", core)
    for spelled in (STEM, STEM.upper(), STEM.capitalize())
    for core in _base64_cores(spelled.encode())
)


def _named_in(view: bytes) -> str:
    for how, core in _CASED:
        if core in view:
            return how
    folded = view.translate(_LOWER, _DROPPED)
    without_tags = _TAG.sub(b"", view).translate(_LOWER, _DROPPED) if b"<" in view else folded
    for text in (folded, without_tags):
        for how, needle in _NEEDLES:
            at = text.find(needle)
            if at >= 0:
                return f"{how} {text[at : at + len(needle) + 9].decode()}"
    return ""


def _opened(view: bytes) -> Iterator[bytes]:
    """Yield what else these bytes may mean, one decoding further."""
    if b"\0" in view:
        yield view.replace(b"\0", b"")  # UTF-16 and UTF-32 of plain letters
    if b"&" in view:
        yield html.unescape(view.decode("utf-8", "replace")).encode("utf-8", "replace")
    if b"%" in view:
        yield unquote_to_bytes(view)
    if b"\\" in view:
        yield _ESCAPE.sub(_unescaped, view)
    if b"=" in view:
        yield quopri.decodestring(view)
    if view[:2] in _MAGIC:
        yield from _inflated(view, _MAGIC[view[:2]])
    joined = _BROKEN_BASE64.sub(b"", view)
    for run in _BASE64.finditer(joined):
        yield from _from_base64(run[0])
    for run in _HEX.finditer(view):
        yield bytes.fromhex(run[0].decode())


def _unescaped(escape: re.Match[bytes]) -> bytes:
    hexadecimal = escape[1] or escape[2]
    code = int(hexadecimal, 16) if hexadecimal else int(escape[3], 8)
    return chr(code).encode("utf-8", "replace") if code < 0x110000 else b""


def _from_base64(run: bytes) -> Iterator[bytes]:
    text = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
    try:
        yield base64.b64decode(text[: len(text) // 4 * 4])
        yield base64.b64decode(text + b"=" * (-len(text) % 4))
    except binascii.Error:
        return


def _inflated(view: bytes, window: int) -> Iterator[bytes]:
    try:
        yield zlib.decompressobj(window).decompress(view, _LONGEST_INFLATED)
    except zlib.error:
        return


def disguises(text: str) -> dict[str, bytes]:
    """Return `text` in every encoding that the scanner is said to see through."""
    plain = text.encode()
    shifted = {f"base64 at {shift}": base64.b64encode(b"." * shift + plain + b"!") for shift in range(3)}
    return {
        "plain": plain,
        "upper case": text.upper().encode(),
        "mixed case": text.title().swapcase().encode(),
        "decimal entities": "".join(f"&#{ord(letter)};" for letter in text).encode(),
        "hexadecimal entities": "".join(f"&#x{ord(letter):x};" for letter in text).encode(),
        "percent": "".join(f"%{ord(letter):02x}" for letter in text).encode(),
        "percent twice": "".join(f"%25{ord(letter):02X}" for letter in text).encode(),
        "backslash x": "".join(f"\\x{ord(letter):02x}" for letter in text).encode(),
        "backslash u": "".join(f"\\u{ord(letter):04x}" for letter in text).encode(),
        "octal": "".join(f"\\{ord(letter):03o}" for letter in text).encode(),
        **shifted,
        "base64 of an address": base64.urlsafe_b64encode(b"\xfb\xff\xfe" + plain).rstrip(b"="),
        "base64 in lines": base64.encodebytes(b"the text of a mail, as mails are sent: " * 2 + plain),
        "base64 twice": base64.b64encode(base64.b64encode(plain)),
        "hex": plain.hex().encode(),
        "hex in capitals": plain.hex().upper().encode(),
        "rot13": codecs.encode(text, "rot13").encode(),
        "reversed": text[::-1].encode(),
        "soft hyphens": "\N{SOFT HYPHEN}".join(text).encode(),
        "zero-width spaces": "\N{ZERO WIDTH SPACE}".join(text).encode(),
        "spaced out": " ".join(text).encode(),
        "split by tags": "<wbr>".join(text[at : at + 4] for at in range(0, len(text), 4)).encode(),
        "split by hidden tags": '<i style="display:none"></i>'.join(text).encode(),
        "quoted-printable": quopri.encodestring(("ä" * 40 + text + "ü").encode()),
        "UTF-16": text.encode("utf-16"),
        "gzip": gzip.compress(plain),
        "deflate": zlib.compress(plain),
        "deflate in base64": b"." + base64.urlsafe_b64encode(zlib.compress(plain)).rstrip(b"="),
    }
