"""Starts the whole thing on this machine: newspaper, service, worker, schedule, relay and the Stripe sandbox."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import clock
from config import demonstration
from config.bootstrap import demo_ports
from config.supervisor import Program, Supervisor, python

_START_SECONDS = 150.0


class Command(BaseCommand):
    """Migrate, seed, start, print the addresses, watch."""

    help = "Run the demo: a newspaper, the API, the admin, a worker, the schedule and a Stripe sandbox."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the first of three ports."""
        parser.add_argument(
            "--port", type=int, default=8000, help="the service's port; the next two are used as well"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until a signal or until one of the processes dies."""
        if not settings.DEBUG:
            raise CommandError("The demo is for DEBUG=1 only; unset DEBUG or set it to 1.")
        ports = demo_ports(sys.argv)
        self._refuse_taken(ports)
        supervisor = Supervisor(logs=settings.VAR_DIR / "log", say=self.stdout.write)
        supervisor.listen()
        self._say("Preparing the database")
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        demonstration.state_products_and_staff()
        demonstration.state_rules(now=clock.now())
        self._say("Starting sandbox, service, worker, schedule, relay and newspaper")
        supervisor.start(_programs(ports))
        try:
            if supervisor.wait_until(lambda: _all_answer(ports), seconds=_START_SECONDS):
                self._seed(ports)
                self._print_addresses(ports)
            elif not supervisor.has_dead:
                self.stdout.write(
                    f"Not everything answered within {_START_SECONDS:.0f} s; see {settings.VAR_DIR}/log."
                )
                supervisor.stop()
                sys.exit(1)
            code = supervisor.run()
        finally:
            supervisor.stop()
        self.stdout.write("Everything is stopped.")
        sys.exit(code)

    def _seed(self, ports: tuple[int, int, int]) -> None:
        self._say("Stating plans at the sandbox and articles at the service")
        demonstration.state_plans(now=clock.now())
        service, newspaper = (f"http://localhost:{port}" for port in ports[:2])
        key = os.environ["SITE_API_KEYS"].partition(",")[0].partition(":")[2]
        command = python(
            "-m", "paywall.demo", "state", "--api", service, "--site", newspaper, "--api-key", key
        )
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603  our own command line

    def _refuse_taken(self, ports: tuple[int, int, int]) -> None:
        taken = [port for port in ports if _answers_tcp(port)]
        if taken:
            raise CommandError(f"Port {taken[0]} is taken. Stop what uses it or choose others: --port 9000")

    def _say(self, text: str) -> None:
        self.stdout.write(f"· {text} …")
        self.stdout.flush()

    def _print_addresses(self, ports: tuple[int, int, int]) -> None:
        service, newspaper, sandbox = ports
        self.stdout.write(f"""
  The newspaper     http://localhost:{newspaper}/
  Mails it sent     http://localhost:{newspaper}/mail/
  Reader's account  http://localhost:{service}/account/
  Staff admin       http://localhost:{service}/admin/   {demonstration.STAFF_EMAIL} / {demonstration.STAFF_PASSWORD}
  API               http://localhost:{service}/api/v1/docs/
  Stripe sandbox    http://localhost:{sandbox}/   advance the clock, swap a card, resend an event

  Cards: 4242 4242 4242 4242 works, 4000 0000 0000 0341 fails at every later charge.
  Logs are in {settings.VAR_DIR}/log. Ctrl-C stops everything.
""")
        self.stdout.flush()


def _programs(ports: tuple[int, int, int]) -> tuple[Program, ...]:
    service, newspaper, sandbox = (str(port) for port in ports)
    var = Path(settings.VAR_DIR)
    api = f"http://localhost:{service}"
    celery = ("-m", "celery", "-A", "config.celery")
    quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
    secret = settings.STRIPE_WEBHOOK_SECRETS[0]
    mails = str(settings.EMAIL_FILE_PATH)
    hook = ("--webhook-url", f"{api}/stripe/webhook/", "--webhook-secret", secret)
    files = ("--clock-file", str(settings.CLOCK_FILE), "--snapshot", str(var / "sandbox.json"))
    serve = ("--interface", "wsgi", "--host", "127.0.0.1", "--port", service, "--blocking-threads", "4")
    return (
        Program("sandbox", python("-m", "billing.sandbox", "--port", sandbox, *hook, *files)),
        Program("web", python("-m", "granian", *serve, "config.wsgi:application")),
        Program("worker", python(*celery, "worker", "-P", "threads", "-c", "4", "-l", "info", *quiet)),
        Program("schedule", python(*celery, "beat", "-l", "info", "--pidfile=")),
        Program("relay", python("manage.py", "relay")),
        Program(
            "newspaper",
            python("-m", "paywall.demo", "--port", newspaper, "--api", api, "--mail-dir", mails),
        ),
    )


def _all_answer(ports: tuple[int, int, int]) -> bool:
    service, newspaper, sandbox = (f"http://localhost:{port}" for port in ports)
    return all(map(_answers, (f"{sandbox}/_control/clock", f"{newspaper}/health", f"{service}/health/live")))


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310  a loopback address of ours
            return True
    except OSError:
        return False


def _answers_tcp(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0
