"""What stands before Django: a body in chunks is a body."""

from __future__ import annotations

from http import HTTPStatus
from io import BytesIO

import pytest
from werkzeug.test import EnvironBuilder, run_wsgi_app

from config.wsgi import application

URL = "/api/v1/access"


def in_chunks(body: bytes) -> int:
    environ = EnvironBuilder(path=URL, method="POST", content_type="application/json").get_environ()
    environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": BytesIO(body)}
    _body, status, _headers = run_wsgi_app(application, environ, buffered=True)
    return int(status.split()[0])


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b'{"articles": []}', HTTPStatus.OK),
        (b'{"articles": 7}', HTTPStatus.BAD_REQUEST),
        (b'{"articles": []}' + b" " * 256 * 1024, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
        (b" " * 5 * 1024 * 1024, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    ],
    ids=["sound", "unsound", "too large", "far too large"],
)
def test_a_body_in_chunks_is_read_and_measured(body: bytes, status: HTTPStatus) -> None:
    assert in_chunks(body) == status
