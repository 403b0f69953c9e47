"""How fast `paywall.verifier` checks access tokens, as an edge would: no Django, no network, one thread.

A process of its own: `python -m tests.bench.passes <cast.json> <seconds>`.
"""

from __future__ import annotations

import itertools
import json
import sys
import time
from pathlib import Path

import jwt

from paywall import verifier
from paywall.verifier import Trust
from tests.bench import cast


def main(file: str, seconds: float) -> None:
    """Check token after token; print how many, and how long one took in milliseconds."""
    asking = cast.from_json(Path(file).read_text(encoding="utf-8"))
    claims = jwt.decode(asking.tokens[0], options={"verify_signature": False})
    trust = Trust(issuer=claims["iss"], audience=cast.SITE, keys=verifier.keys_of(json.loads(asking.keys)))
    took = []
    began = time.perf_counter()
    for token in itertools.cycle(asking.tokens):
        before = time.perf_counter()
        # The moment at which they were made: the run may go on for longer than a token lives.
        said = verifier.verify(token, trust=trust, now=claims["iat"])
        took.append(time.perf_counter() - before)
        assert said.opens(("premium",)), said
        if before - began > seconds:
            break
    took.sort()
    p50, p99 = (took[int(len(took) * part)] * 1000 for part in (0.5, 0.99))
    per_second = len(took) / (time.perf_counter() - began)
    sys.stdout.write(json.dumps([len(took), per_second, p50, p99]))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
