"""Callers of the access API, each as the API meets them."""

from __future__ import annotations

import pytest
from django.conf import settings as django_settings
from django.test import Client

from accounts.models import User
from tests.factories.paywall import reader

SITE = {"Authorization": "Api-Key site-key-for-tests-only"}


@pytest.fixture
def stranger() -> Client:
    return Client()


@pytest.fixture
def site() -> Client:
    return Client(headers=SITE)


@pytest.fixture
def mara(db: None) -> User:
    return reader()


@pytest.fixture
def signed_in(mara: User) -> Client:
    return sign_in(mara)


def sign_in(who: User) -> Client:
    """Return a browser in which `who` is signed in."""
    client = Client()
    client.force_login(who, backend=django_settings.AUTHENTICATION_BACKENDS[0])
    return client
