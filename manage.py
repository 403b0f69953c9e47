#!/usr/bin/env python3
"""The door to every command. On a fresh machine `demo` and `test` first make their own environment."""

from __future__ import annotations

import os
import sys

from config import bootstrap


def main() -> None:
    """Run a command, inside an environment of our own where `demo` or `test` find none."""
    command = sys.argv[1] if len(sys.argv) > 1 else ""
    bootstrap.ensure_environment(sys.argv)
    if command == "test":
        bootstrap.run_tests(sys.argv[2:])
    if command == "demo":
        bootstrap.set_demo_environment(sys.argv)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line  # only now is Django sure to be installed

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
