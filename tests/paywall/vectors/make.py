"""Makes `access_pass.json`: tokens, and what every verifier has to make of them.

The keys are fixed and signing is deterministic, so the file changes only where a case does:

    python -m tests.paywall.vectors.make
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

FILE = Path(__file__).with_name("access_pass.json")
NOW = 1_764_072_000
ISSUER, SITE = "https://account.news.example", "https://news.example"
KID, ANN = "key-of-the-vectors", "sub-of-ann"
OLDEST = {ANN: 7}
_ABOUT = (
    "What a verifier of access tokens answers. `trust` is what it believes, `now` in seconds since 1970; a case may "
    "have its own of either. `products` is what the article asks for. `expect` is `opens`, `closed` (a good token that "
    "does not open this article) or the flaw for which the token counts for nothing."
)

_signing = ec.derive_private_key(
    int.from_bytes(hashlib.sha256(b"vectors").digest(), "big") >> 1, ec.SECP256R1()
)
_stranger = ec.derive_private_key(
    int.from_bytes(hashlib.sha256(b"else").digest(), "big") >> 1, ec.SECP256R1()
)


def document() -> dict[str, Any]:
    """Return the whole file."""
    trust = {"issuer": ISSUER, "audience": SITE, "jwks": {"keys": [jwk()]}, "epochs": OLDEST}
    return {"about": _ABOUT, "now": NOW, "trust": trust, "cases": list(cases())}


def cases() -> Iterator[dict[str, Any]]:
    """Yield every case."""
    yield from _good()
    yield from _times()
    yield from _for_whom()
    yield from _headers()
    yield from _keys()
    yield from _signatures()
    yield from _claims()
    yield from _forms()


def case(name: str, token: str, expect: str, **more: Any) -> dict[str, Any]:
    """Return one case, which asks for premium unless it says otherwise."""
    return {"name": name, "token": token, "products": ["premium"], "expect": expect, **more}


def _good() -> Iterator[dict[str, Any]]:
    yield case("a good token", token(), "opens")
    yield case("one of several products asked for", token(), "opens", products=["culture", "premium"])
    yield case("one of several products held", token(products=["culture", "premium"]), "opens")
    yield case("another product", token(), "closed", products=["culture"])
    yield case("a product whose name only begins alike", token(), "closed", products=["prem"])
    yield case("no product is asked for", token(), "closed", products=[])
    yield case("no product is held", token(products=[]), "closed")
    yield case("a claim that nobody knows", token(name="Ann"), "opens")
    yield case("a subject nobody has heard of", token(sub="constructor", epoch=0), "opens")
    yield case("a subject with an odd name", token(sub="__proto__", epoch=0), "opens")
    yield case("the lowest epoch that counts", token(epoch=7), "opens")
    yield case("an epoch below", token(epoch=6), "epoch")
    yield case("no epoch is known", token(epoch=0), "opens", epochs={})


def _times() -> Iterator[dict[str, Any]]:
    yield case("the last second", token(), "opens", now=NOW + 599)
    yield case("its end", token(), "expired", now=NOW + 600)
    yield case("a second after its end: no skew is allowed here", token(), "expired", now=NOW + 601)
    yield case("a clock that is half a minute behind", token(), "opens", now=NOW - 30)
    yield case("a clock that is further behind", token(), "not_yet", now=NOW - 31)
    yield case("issued later than it begins", token(iat=NOW + 31, exp=NOW + 500), "not_yet")
    yield case("begins later than it was issued", token(nbf=NOW + 31), "not_yet")
    yield case("lives longer than any of ours", token(exp=NOW + 601), "claims")
    yield case("ends before it begins", token(exp=NOW - 1), "expired")


def _for_whom() -> Iterator[dict[str, Any]]:
    yield case("of somebody else", token(iss="https://elsewhere.example"), "issuer")
    yield case("of nearly us", token(iss=f"{ISSUER}/"), "issuer")
    yield case("for another site", token(aud="https://elsewhere.example"), "audience")
    yield case("for nearly this site", token(aud=f"{SITE}.elsewhere.example"), "audience")
    yield case("for several sites", token(aud=[SITE]), "claims")


def _headers() -> Iterator[dict[str, Any]]:
    yield case("no algorithm, no signature", unsigned(), "malformed")
    yield case("no algorithm, and a signature", token(header={"alg": "none"}), "header")
    yield case("HS256 with the public key as its secret (PEM)", with_hmac(public_pem()), "header")
    yield case(
        "HS256 with the public key as its secret (JWK)", with_hmac(json.dumps(jwk()).encode()), "header"
    )
    yield case("the algorithm in small letters", token(header={"alg": "es256"}), "header")
    yield case("a stronger algorithm that is not ours", token(header={"alg": "ES384"}), "header")
    yield case("an algorithm that is a list", token(header={"alg": ["ES256"]}), "header")
    yield case("an ordinary JWT", token(header={"typ": "JWT"}), "header")
    yield case("the type in capitals", token(header={"typ": "ACCESS-PASS+JWT"}), "header")
    yield case("no type", token(header={"typ": None}), "header")
    yield case("no key named", token(header={"kid": None}), "header")
    yield case("a key brought along", token(header={"jwk": jwk(_stranger)}, by=_stranger), "header")
    yield case(
        "keys to be fetched elsewhere", token(header={"jku": "https://elsewhere.example/jwks"}), "header"
    )
    yield case("a certificate to be fetched", token(header={"x5u": "https://elsewhere.example/x"}), "header")
    yield case("something critical", token(header={"crit": ["exp"]}), "header")
    yield case("a payload that is not encoded", token(header={"b64": False, "crit": ["b64"]}), "header")
    twice = '{"alg":"ES256","typ":"access-pass+jwt","kid":"key-of-the-vectors","alg":"none"}'
    yield case("two algorithms, the last of them none", signed(twice, json.dumps(claims())), "header")
    yield case("a header that is a list", signed('["ES256"]', json.dumps(claims())), "malformed")
    yield case("a header that is no JSON", signed("ES256", json.dumps(claims())), "malformed")
    yield case("a header that is no UTF-8", signed(b"\xff\xfe{}", json.dumps(claims())), "malformed")


def _keys() -> Iterator[dict[str, Any]]:
    for name, kid in (
        ("a key that is not known", "another"),
        ("a key that is a path", "../../../../dev/null"),
        ("a key that is SQL", "' UNION SELECT 'secret' --"),
        ("a key that is an address", "https://elsewhere.example/key"),
        ("a key that every object has", "constructor"),
        ("a key that is the parent of objects", "__proto__"),
        ("a key with an empty name", ""),
        ("a key that is a number", 1),
        ("a key that is a list", [KID]),
    ):
        yield case(name, token(header={"kid": kid}), "key")
    yield case("a key that is no longer published", token(), "key", jwks={"keys": []})
    yield case("a key for something else", token(), "key", jwks={"keys": [{**jwk(), "use": "enc"}]})
    yield case("a key of another algorithm", token(), "key", jwks={"keys": [{**jwk(), "alg": "ES384"}]})
    yield case("a key of another curve", token(), "key", jwks={"keys": [{**jwk(), "crv": "P-384"}]})
    yield case(
        "a secret among the keys", token(), "key", jwks={"keys": [{"kty": "oct", "k": "AAAA", "kid": KID}]}
    )
    off = {**jwk(), "y": encoded(b"\x01" * 32)}
    yield case("a key that is no point of the curve", token(), "key", jwks={"keys": [off]})
    others = [{**jwk(_stranger), "kid": f"other-{number}"} for number in range(15)]
    yield case("sixteen keys", token(), "opens", jwks={"keys": [*others, jwk()]})
    yield case("more keys than we have", token(), "key", jwks={"keys": [*others, *others[:1], jwk()]})
    yield case("one of two keys", token(), "opens", jwks={"keys": [others[0], jwk()]})
    yield case("odd things among the keys", token(), "opens", jwks={"keys": [None, 7, "x", {}, jwk()]})


def _signatures() -> Iterator[dict[str, Any]]:
    head, body, signature = token().split(".")
    yield case("signed by somebody else", token(by=_stranger), "signature")
    yield case(
        "other claims",
        ".".join((head, encoded(json.dumps(claims(products=["culture"]))), signature)),
        "signature",
    )
    yield case(
        "the signature of another token",
        ".".join((head, body, token(jti="other").split(".")[2])),
        "signature",
    )
    yield case("nothing but zeros", ".".join((head, body, encoded(b"\0" * 64))), "signature")
    yield case("cut short", ".".join((head, body, encoded(decoded(signature)[:63]))), "signature")
    yield case("longer", ".".join((head, body, encoded(decoded(signature) + b"\0"))), "signature")
    yield case("in the form of OpenSSL", ".".join((head, body, encoded(der(f"{head}.{body}")))), "signature")


def _claims() -> Iterator[dict[str, Any]]:
    for name in claims():
        yield case(f"without {name}", token(**{name: None}), "claims")
    for name, value in (
        ("exp", str(NOW + 600)), ("iat", True), ("nbf", -1), ("epoch", "7"), ("epoch", True), ("epoch", -1),
        ("epoch", 2**53), ("products", "premium"), ("products", ["premium", 1]), ("products", {"premium": True}),
        ("products", [""]), ("sub", ""), ("sub", 7), ("jti", ""), ("iss", [ISSUER]),
    ):  # fmt: skip
        yield case(f"{name} as {json.dumps(value)}", token(**{name: value}), "claims")
    header = json.dumps(plain_header())
    yield case("claims that are a list", signed(header, "[]"), "malformed")
    yield case("claims that are no JSON", signed(header, "premium"), "malformed")
    yield case("claims that are no UTF-8", signed(header, b'{"sub": "\xff"}'), "malformed")


def _forms() -> Iterator[dict[str, Any]]:
    good = token()
    head, body, signature = good.split(".")
    for name, text in (
        ("nothing", ""), ("no token", "x"), ("two parts", f"{head}.{body}"), ("four parts", f"{good}.{signature}"),
        ("five parts, as what is encrypted has", f"{good}.{signature}.{signature}"), ("a space before", f" {good}"),
        ("a line's end after", f"{good}\n"), ("padded", f"{good}=="), ("an empty part", f"{head}..{signature}"),
        ("the other base64", f"{head}.{body}.{'+/' * 43}"), ("a part that is no base64", f"{head}.{body}.AAAAA"),
        ("longer than any of ours", f"{head}.{'A' * 4096}.{signature}"), ("a word before", f"Bearer {good}"),
    ):  # fmt: skip
        yield case(name, text, "malformed")


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a good token with these changed; None leaves one out."""
    good = {
        "iss": ISSUER, "aud": SITE, "sub": ANN, "products": ["premium"], "epoch": 7,
        "iat": NOW, "nbf": NOW, "exp": NOW + 600, "jti": "a-number-of-its-own",
    }  # fmt: skip
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def plain_header(**changed: Any) -> dict[str, Any]:
    """Return the header of a good token with these changed; None leaves one out."""
    good = {"alg": "ES256", "typ": "access-pass+jwt", "kid": KID}
    return {name: value for name, value in {**good, **changed}.items() if value is not None}


def token(
    *, by: ec.EllipticCurvePrivateKey = _signing, header: dict[str, Any] | None = None, **changed: Any
) -> str:
    """Return a good token, but for what is changed."""
    return signed(json.dumps(plain_header(**(header or {}))), json.dumps(claims(**changed)), by=by)


def signed(header: bytes | str, payload: bytes | str, *, by: ec.EllipticCurvePrivateKey = _signing) -> str:
    """Return header and payload, whatever they are, with a good signature of them."""
    text = f"{encoded(header)}.{encoded(payload)}"
    first, second = decode_dss_signature(der(text, by=by))
    return f"{text}.{encoded(first.to_bytes(32, 'big') + second.to_bytes(32, 'big'))}"


def unsigned() -> str:
    """Return a token without a signature."""
    return f"{encoded(json.dumps(plain_header(alg='none')))}.{encoded(json.dumps(claims()))}."


def with_hmac(secret: bytes) -> str:
    """Return a token with a keyed hash instead of a signature."""
    text = f"{encoded(json.dumps(plain_header(alg='HS256')))}.{encoded(json.dumps(claims()))}"
    return f"{text}.{encoded(hmac.digest(secret, text.encode(), 'sha256'))}"


def der(text: str, *, by: ec.EllipticCurvePrivateKey = _signing) -> bytes:
    """Return a signature as OpenSSL writes it."""
    return by.sign(text.encode(), ec.ECDSA(hashes.SHA256(), deterministic_signing=True))


def jwk(key: ec.EllipticCurvePrivateKey = _signing) -> dict[str, str]:
    """Return a public key as it is published."""
    point = key.public_key().public_numbers()
    place = {name: encoded(number.to_bytes(32, "big")) for name, number in (("x", point.x), ("y", point.y))}
    return {"kty": "EC", "crv": "P-256", **place, "kid": KID, "use": "sig", "alg": "ES256"}


def public_pem() -> bytes:
    """Return the public key as a file that everybody has."""
    form = serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    return _signing.public_key().public_bytes(*form)


def encoded(data: bytes | str) -> str:
    """Return base64url without padding."""
    return base64.urlsafe_b64encode(data.encode() if isinstance(data, str) else data).rstrip(b"=").decode()


def decoded(text: str) -> bytes:
    """Return the bytes behind base64url without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def text() -> str:
    """Return the file as it is written."""
    return json.dumps(document(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="ascii")
