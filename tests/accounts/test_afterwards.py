"""A code that no worker sends is sent by the request that made it, when its answer has gone out."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core import mail as django_mail
from django.core.handlers.wsgi import WSGIHandler
from django.test import RequestFactory

from accounts import clock
from tests.factories.accounts import a_mail, a_reader


@pytest.mark.django_db(transaction=True)
def test_nobody_can_time_what_sending_takes() -> None:
    a_reader("ada@example.org")
    a_mail(now=clock.now() - timedelta(minutes=1))  # nobody sends
    body = json.dumps({"email": "ada@example.org"})
    request = RequestFactory().post("/_allauth/app/v1/auth/code/request", body, "application/json")
    answer = WSGIHandler()(request.environ, lambda *_: None)
    assert answer.status_code == 401
    assert django_mail.outbox == []
    answer.close()  # as the server does once it has sent the answer
    assert [mail.to for mail in django_mail.outbox] == [["ada@example.org"]]
