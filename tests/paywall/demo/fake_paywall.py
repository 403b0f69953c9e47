"""The public API, as much of it as the newspaper uses, saying what the test wants."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from paywall.demo import articles

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
SITE = "http://localhost:8001"
ARTICLE = articles.by_id()["harbour-vote"]
PAGE = f"/articles/{ARTICLE.id}/"
EMAIL = "ada@reader.example"

LOG_IN = {"kind": "log_in", "url": "https://service.example/account/login/"}
SUBSCRIBE = {"kind": "subscribe", "url": "https://service.example/account/subscribe/?product=premium"}
FIX_CARD = {"kind": "fix_card", "url": "https://service.example/account/card/"}

PLANS = {
    "premium": {
        "name": "Premium",
        "description": "The whole paper.",
        "prices": [
            {"formatted": "€9.90", "interval": "month"},
            {"formatted": "€99.00", "interval": "year"},
        ],
    },
    "culture": {
        "name": "Culture",
        "description": "Everything in the culture section.",
        "prices": [{"formatted": "€4.90", "interval": "month", "interval_count": 1}],
    },
}


class FakePaywall:
    """The public API, as much of it as the newspaper uses; keeps what it was sent."""

    def __init__(self) -> None:
        self.reader: str | None = None
        self.decision: dict[str, Any] = {}
        self.status = HTTPStatus.OK
        self.set_cookie = ""
        self.gift = ""  # the code of a gift that can be accepted
        self.asked: list[tuple[str, str, dict[str, str]]] = []
        self.stated: dict[str, Any] = {}
        self.answer_to_statements = HTTPStatus.CREATED

    def __call__(self, environ: Any, start_response: Any) -> Any:
        request = Request(environ)
        self.asked.append((request.method, request.path, dict(request.headers)))
        return self._answer(request)(environ, start_response)

    def _answer(self, request: Request) -> Response:
        if request.method == "PUT":
            self.stated[request.path.rsplit("/", 1)[1]] = request.get_json()
            return Response(status=self.answer_to_statements)
        if self.status != HTTPStatus.OK:
            return Response("<h1>Oh</h1>", status=self.status)
        response = Response(json.dumps(self._content(request)), mimetype="application/json")
        response.headers["Access-Control-Allow-Origin"] = request.headers.get("Origin", "")
        response.headers["Access-Control-Allow-Credentials"] = "true"
        response.headers["Access-Control-Allow-Headers"] = "x-csrftoken"
        if self.set_cookie:
            response.headers["Set-Cookie"] = self.set_cookie
        return response

    def _content(self, request: Request) -> dict[str, Any]:
        match request.path.strip("/").split("/")[2:]:
            case ["session"]:
                return {"reader": {"id": "rdr_1", "email": self.reader} if self.reader else None}
            case ["plans"]:
                return {"plans": [PLANS[request.args["product"]]]}
            case ["access"]:
                return {"decisions": [self._decide(article) for article in request.get_json()["articles"]]}
            case ["articles", article_id, "access"]:
                return self._decide(article_id) | self._given(request)
            case ["articles", article_id, "read"]:
                self.decision |= self._given(request) if request.method == "POST" else {}
                return self._read(article_id)
            case ["articles", article_id, "markup"]:
                return {"@type": "NewsArticle", "of": article_id, "selector": request.args["selector"]}
            case ["articles", article_id, "gifts"]:
                return {"url": f"{SITE}/articles/{article_id}/?gift=code"}
        raise AssertionError(request.path)

    def _decide(self, article_id: str) -> dict[str, Any]:
        return {
            "id": "dec_1",
            "article": article_id,
            "access": "teaser",
            "reason": "subscription_required",
            "products": ["premium"],
            "remedies": [LOG_IN, SUBSCRIBE],
            "notice": {"title": "Read on", "text": "Sign in if you subscribe."},
            "meter": None,
            "until": None,
            **self.decision,
        }

    def _given(self, request: Request) -> dict[str, Any]:
        notice = {"title": "A gift for you", "text": "A subscriber shares this article with you."}
        is_right = self.gift and request.args.get("gift") == self.gift
        return opened(reason="gift_link", notice=notice) if is_right else {}

    def _read(self, article_id: str) -> dict[str, Any]:
        decision = self._decide(article_id)
        article = articles.by_id()[article_id]
        full = decision["access"] == "full"
        return decision | ({"body": article.body} if full else {"teaser": article.teaser})


def opened(**more: Any) -> dict[str, Any]:
    return {"access": "full", "reason": "entitled", "remedies": [], "notice": None} | more


@contextmanager
def served(application: Any) -> Iterator[str]:
    """Serve a WSGI application on a free port; yields its address."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
