#!/usr/bin/env python3
"""The door to every command. On a fresh machine `demo` and `test` first make their own environment."""

from __future__ import annotations

import os
import sys

from config import bootstrap


def main() -> None:
    """Run a command, inside an environment of our own where `demo` or `test` find none."""
    bootstrap.ensure_environment(sys.argv)
    if sys.argv[1:2] == ["test"]:
        bootstrap.run_tests(sys.argv[2:])
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if sys.argv[1:2] == ["demo"]:
        os.environ.setdefault("DEBUG", "1")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
