"""The command line of the demo newspaper.

`python -m paywall.demo --port 8001 --api http://localhost:8000 --mail-dir var/mail` serves it;
with `--api-key` it also states its articles once the paywall is up.
`python -m paywall.demo state --api http://localhost:8000 --api-key KEY` only states them.
"""

import argparse
import logging
import os
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from werkzeug.serving import run_simple

from paywall.demo import newsroom
from paywall.demo.paper import Paper

_log = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    """Serve the newspaper, or state its articles; return the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = _parser().parse_args(arguments)
    options.api = options.api.rstrip("/")
    options.site = (options.site or f"http://localhost:{options.port}").rstrip("/")
    if options.task == "state":
        return _state(options)
    if options.api_key:
        threading.Thread(target=_state, args=(options,), name="newsroom", daemon=True).start()
    paper = Paper(site=options.site, api=options.api, mail_dir=options.mail_dir, clock=_now)
    run_simple(options.host, options.port, paper, threaded=True)
    return 0


def _state(options: argparse.Namespace) -> int:
    try:
        newsroom.state(
            api=options.api,
            api_key=options.api_key,
            site=options.site,
            now=_now(),
            patience=options.patience,
        )
    except (newsroom.RefusedError, TimeoutError) as error:
        _log.error("%s", error)
        return 1
    return 0


def _now() -> datetime:
    return datetime.now(UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m paywall.demo", description="The demo newspaper.")
    parser.add_argument("task", nargs="?", choices=("serve", "state"), default="serve")
    parser.add_argument("--host", default="localhost")
    parser.add_argument("--port", type=int, default=8001)
    parser.add_argument(
        "--site", default="", help="the newspaper's own address (default: localhost and the port)"
    )
    parser.add_argument("--api", default="http://localhost:8000", help="where the paywall is")
    parser.add_argument(
        "--api-key", default=os.environ.get("DEMO_API_KEY", ""), help="the CMS key (DEMO_API_KEY)"
    )
    parser.add_argument(
        "--mail-dir", type=Path, default=Path("var/mail"), help="where the demo's mail ends up"
    )
    parser.add_argument(
        "--patience", type=float, default=90.0, help="seconds to wait for the paywall to come up"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
