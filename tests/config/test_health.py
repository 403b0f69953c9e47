"""The health pages say which part is not well."""

from __future__ import annotations

import socket
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts import clock
from billing.models import StripeEvent

pytestmark = pytest.mark.django_db


def test_live_needs_nothing(client: Client, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert client.get("/health/live").json() == {"status": "ok"}


def test_ready_names_each_part(client: Client) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    parts = {"status": "ok", "database": "ok", "cache": "ok", "broker": "ok", "inbox": "ok"}
    figures = {
        "oldest_event_seconds": 0,
        "events_given_up": 0,
        "mails_given_up": 0,
        "equal_to_stripe_at": None,
    }
    assert answer.json() == {**parts, **figures}


def an_event_of_two_minutes_ago(**fields: Any) -> None:
    received_at = clock.now() - timedelta(minutes=2)
    StripeEvent.objects.create(
        **{
            "event_id": "evt_1", "type": "invoice.paid", "livemode": False, "created_at": received_at,
            "received_at": received_at, "next_attempt_at": received_at, **fields,
        }
    )  # fmt: skip


def test_ready_tells_of_events_that_nobody_works_on(client: Client) -> None:
    an_event_of_two_minutes_ago()
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["inbox"]) == (503, "behind")
    assert answer.json()["oldest_event_seconds"] >= 120


def test_ready_is_an_instance_whose_events_wait_for_stripe(client: Client) -> None:
    an_event_of_two_minutes_ago(attempts=4, next_attempt_at=clock.now() + timedelta(minutes=1))
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["inbox"]) == (200, "ok")
    assert answer.json()["oldest_event_seconds"] >= 120


def test_what_was_given_up_is_shown_and_makes_nobody_unready(client: Client) -> None:
    an_event_of_two_minutes_ago(state=StripeEvent.State.DEAD)
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["events_given_up"]) == (200, 1)


def test_ready_tells_of_a_broker_that_is_gone(client: Client, settings: Any) -> None:
    settings.CELERY_BROKER_URL = "redis://127.0.0.1:1/0"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {}
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["broker"]) == (503, "unreachable")
    assert answer.json()["database"] == "ok"


def test_ready_does_not_wait_long_for_a_broker_that_is_frozen(client: Client, settings: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_timeout": 60}
        assert client.get("/health/ready").json()["broker"] == "unreachable"
