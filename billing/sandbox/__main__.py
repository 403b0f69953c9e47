"""Start the sandbox: `python -m billing.sandbox --webhook-url http://localhost:8000/stripe/webhook/ …`."""

from __future__ import annotations

import argparse
import contextlib
import logging
import signal
import threading
import time
from pathlib import Path

from werkzeug.serving import make_server

from .sandbox import Sandbox
from .world import Policy

_TICK_SECONDS = 1.0


def main() -> None:
    """Serve until told to stop."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    logging.getLogger("werkzeug").setLevel(logging.INFO if options.verbose else logging.WARNING)
    public_url = options.public_url or f"http://localhost:{options.port}"
    sandbox = Sandbox(
        seed=options.seed,
        webhook_url=options.webhook_url,
        webhook_secret=options.webhook_secret,
        clock_file=options.clock_file,
        policy=Policy(public_url=public_url, after_last_retry=options.after_last_retry),
    )
    if options.snapshot and options.snapshot.exists():
        sandbox.load(options.snapshot)
    server = make_server("127.0.0.1", options.port, sandbox.app, threaded=True)
    sandbox.webhooks.start()
    threading.Thread(target=_tick, args=(sandbox, options.snapshot), daemon=True).start()
    signal.signal(signal.SIGTERM, _interrupt)
    logging.getLogger("sandbox").info(
        "Stripe sandbox on %s (control page), webhooks to %s", public_url, options.webhook_url or "nobody"
    )
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    sandbox.webhooks.stop()
    if options.snapshot:
        sandbox.save(options.snapshot)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m billing.sandbox", description=__doc__)
    parser.add_argument("--port", type=int, default=8002)
    parser.add_argument("--webhook-url", help="where events are sent; none if not given")
    parser.add_argument("--webhook-secret", default="", help="the signing secret of that endpoint (whsec_…)")
    parser.add_argument("--clock-file", type=Path, help="file that holds the clock's offset in seconds")
    parser.add_argument("--seed", help="the same seed gives the same ids")
    parser.add_argument("--snapshot", type=Path, help="file to load the state from and save it to")
    parser.add_argument("--public-url", help="how browsers reach the sandbox (default http://localhost:PORT)")
    parser.add_argument("--after-last-retry", choices=["cancel", "unpaid", "past_due"], default="cancel")
    parser.add_argument("--verbose", action="store_true", help="log every request")
    options = parser.parse_args()
    if options.webhook_url and not options.webhook_secret:
        parser.error("--webhook-url needs --webhook-secret")
    return options


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _tick(sandbox: Sandbox, file: Path | None) -> None:
    """Let due work run as real time passes, and keep the snapshot fresh."""
    saved = -1
    while True:
        time.sleep(_TICK_SECONDS)
        sandbox.run_due()
        version = sandbox.world.store.version
        if file is not None and version != saved:
            sandbox.save(file)
            saved = version


if __name__ == "__main__":
    main()
