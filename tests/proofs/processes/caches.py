"""Shared caches as a publisher would put them in front: nginx and Varnish, told to keep whatever they may."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.proofs.processes.services import free_port, listens, wait_until

_NGINX = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log; {user}
events {{ worker_connections 64; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  proxy_cache_path {folder}/cache keys_zone=all:1m;
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://127.0.0.1:{upstream};
      proxy_set_header Host $http_host;
      proxy_cache all;
      proxy_cache_valid 200 301 302 404 1m;
      add_header X-Cache $upstream_cache_status always;
    }}
  }}
}}
"""
_VARNISH = """
vcl 4.1;
backend service {{ .host = "127.0.0.1"; .port = "{upstream}"; }}
sub vcl_deliver {{
  if (obj.hits > 0) {{ set resp.http.X-Cache = "HIT"; }} else {{ set resp.http.X-Cache = "MISS"; }}
}}
"""


def nginx() -> str | None:
    """Return the installed nginx."""
    return shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def varnish() -> str | None:
    """Return the installed Varnish."""
    return shutil.which("varnishd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


@contextmanager
def nginx_before(upstream: int, *, folder: Path) -> Iterator[str]:
    """Serve `upstream` through nginx with `proxy_cache_valid`; yields the address."""
    port = free_port()
    folder.mkdir()
    user = "user root;" if os.geteuid() == 0 else ""
    configuration = folder / "nginx.conf"
    configuration.write_text(_NGINX.format(folder=folder, port=port, upstream=upstream, user=user))
    program = nginx()
    assert program is not None
    with _running([program, "-c", str(configuration), "-e", str(folder / "error.log")], folder, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def varnish_before(upstream: int, *, folder: Path) -> Iterator[str]:
    """Serve `upstream` through Varnish with its built-in rules; yields the address."""
    port = free_port()
    folder.mkdir()
    rules = folder / "default.vcl"
    rules.write_text(_VARNISH.format(upstream=upstream))
    program = varnish()
    assert program is not None
    command = [program, "-F", "-j", "none", "-n", str(folder / "work"), "-a", f"127.0.0.1:{port}"]
    with _running([*command, "-f", str(rules), "-s", "malloc,16m"], folder, port):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def _running(command: list[str], folder: Path, port: int) -> Iterator[None]:
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_until(lambda: listens(port), what=f"{command[0]}: {folder / 'output'}")
        yield
    finally:
        process.terminate()
        process.wait()
