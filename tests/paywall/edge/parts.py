"""What an edge stands between in these tests: a site behind it, this service beside it, Node to run it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from tests.proofs.processes.services import free_port, listens, wait_until

EDGE = Path(__file__).resolve().parents[3] / "paywall" / "edge"
HERE = Path(__file__).parent
WHOLE, TEASER = "all that the harbour master said", "what the harbour master began to say"
SECRET = "only-the-edge-knows"
NEWS = "http://localhost:8001"
SITE_KEY = "site-key-for-tests-only"

_PLAYED = {
    "react": "export const createElement = (type, props, ...children) => ({ type, props, children });",
    "next/headers": """
        const cookiesOf = (headers) => (headers.get("cookie") ?? "").split("; ").filter(Boolean).map((pair) => {
            const [name, ...value] = pair.split("=");
            return { name, value: value.join("=") };
        });
        export const headers = async () => globalThis.requests.getStore();
        export const cookies = async () => {
            const all = cookiesOf(await headers());
            return { getAll: () => all, get: (name) => all.find((one) => one.name === name) };
        };
    """,
}


@dataclass(slots=True)
class Site:
    """A site that makes each page in two variants, and believes whoever says which; counts what it was asked for."""

    port: int = field(default_factory=free_port)
    asked: list[tuple[str, str]] = field(default_factory=list)
    seen: list[Mapping[str, str]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def application(self, request: Request) -> Response:
        """Answer with a page, careless about caches, or as a CMS does."""
        self.asked.append((request.path, request.headers.get("X-Paywall-Access", "")))
        self.seen.append(dict(request.headers))
        if request.path.startswith("/articles/"):
            return _cms(request.path)
        is_full = request.headers.get("X-Paywall-Access") == "full" or not request.path.startswith(
            "/premium/"
        )
        headers = {
            "Cache-Control": "public, max-age=600",
            "ETag": '"one-for-both"',
            "Set-Cookie": "of=the-site",
        }
        if request.path.startswith("/premium/"):
            headers["X-Paywall-Products"] = "premium"
        return Response(WHOLE if is_full else TEASER, headers=headers)


def _cms(path: str) -> Response:
    face = {
        "id": "harbour-vote", "path": "/premium/harbour-vote", "title": "The harbour votes",
        "teaser": f"<p>{TEASER}</p>", "products": ["premium"],
    }  # fmt: skip
    document = {"body": f"<p>{WHOLE}</p>"} if path.endswith("/body") else face
    return Response(json.dumps(document), content_type="application/json")


def node() -> list[str] | None:
    """Return the command of the installed Node where it is new enough."""
    program = shutil.which("node")
    if program is None:
        return None
    version = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    major = int(re.sub(r"v(\d+).*", r"\1", version.strip()))
    # Debian's own, 18, has WebCrypto under a flag.
    flags = ["--experimental-global-webcrypto"] if major == 18 else []
    return [program, *flags] if major >= 18 else None


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """Serve the site."""
    server = make_server("127.0.0.1", site.port, Request.application(site.application), threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def running(command: list[str], *, port: int, log: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """Run a program until it listens; yields its address."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env={**os.environ, **environment}, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        wait_until(lambda: listens(port) or process.poll() is not None, what=str(log))
        assert process.poll() is None, log.read_text()
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def settings_of(home: str, site: Site) -> dict[str, str]:
    """Return the environment of an edge."""
    return {
        "PAYWALL_HOME": home, "ISSUER": "http://localhost:8000", "SITE": NEWS, "SITE_KEY": SITE_KEY,
        "ORIGIN": site.address, "CMS": site.address, "EDGE_SECRET": SECRET,
    }  # fmt: skip


def with_next(folder: Path) -> Path:
    """Lay the example out as in a Next.js project whose libraries are played; return the page."""
    shutil.copytree(EDGE, folder / "edge")
    (folder / "package.json").write_text('{"type": "module"}')
    for name, source in _PLAYED.items():
        place = (
            folder / "node_modules" / f"{name}.js"
            if "/" in name
            else folder / "node_modules" / name / "index.js"
        )
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(source)
        manifest = folder / "node_modules" / name.split("/")[0] / "package.json"
        exports = (
            '".": "./index.js"'
            if "/" not in name
            else f'"./{name.split("/")[1]}": "./{name.split("/")[1]}.js"'
        )
        manifest.write_text(f'{{"type": "module", "exports": {{{exports}}}}}')
    return folder / "edge" / "next" / "page.js"


def nginx_configuration(folder: Path, *, port: int, check: str, site: Site, user: str) -> Path:
    """Return the example's configuration with the addresses of a test, as a whole file."""
    example = (EDGE / "nginx.conf").read_text(encoding="utf-8")
    changed = {
        "127.0.0.1:8090": check.removeprefix("http://").replace("localhost", "127.0.0.1"),
        "127.0.0.1:8080": f"127.0.0.1:{site.port}",
        "listen 80;": f"listen 127.0.0.1:{port};",
        "/var/cache/nginx/pages": f"{folder}/pages",
        "server_name news.example;": "server_name 127.0.0.1;",
    }
    for what, by in changed.items():
        assert what in example, what
        example = example.replace(what, by)
    temporary = " ".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    file = folder / "nginx.conf"
    file.write_text(
        f"daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; {user}\n"
        f"events {{ worker_connections 128; }}\nhttp {{ access_log off; {temporary}\n{example}\n}}\n"
    )
    return file
