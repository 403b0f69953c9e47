"""Staff state institutions: what cannot be meant is refused on the page, and usage is handed out."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse

from paywall import usage
from paywall.models import Institution, Network
from tests.factories.accounts import a_member_of_staff
from tests.factories.paywall import NOON, institution, product, reader
from tests.paywall.conftest import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

ADD = "/admin/paywall/institution/add/"
USAGE = "/admin/paywall/institution/usage.csv"


@pytest.fixture
def chief() -> Client:
    product("premium")
    return sign_in(a_member_of_staff("chief@desk.example"))


def form(*networks: str, domains: tuple[str, ...] = (), **fields: Any) -> dict[str, Any]:
    """Return what the page posts."""
    posted = {"name": "Campus", "products": ["premium"], "is_active": "on", **fields}
    for prefix, name, values in (("networks", "cidr", networks), ("domains", "domain", domains)):
        posted |= {f"{prefix}-TOTAL_FORMS": len(values), f"{prefix}-INITIAL_FORMS": 0}
        posted |= {f"{prefix}-{number}-{name}": value for number, value in enumerate(values)}
    return posted


def complaints(client: Client, posted: dict[str, Any]) -> str:
    answer = client.post(ADD, posted)
    assert answer.status_code == 200, "it was stored"
    return answer.content.decode()


def test_states_one_with_networks_and_domains(chief: Client) -> None:
    answer = chief.post(ADD, form("192.0.2.0/24", "::ffff:198.51.100.1", domains=("Uni.example",)))
    assert answer.status_code == 302
    made = Institution.objects.get()
    assert [each.cidr for each in made.networks.all()] == ["192.0.2.0/24", "198.51.100.1/32"]
    assert made.domains.get().domain == "uni.example"


def test_what_cannot_be_meant_is_refused_on_the_page(chief: Client) -> None:
    institution("198.51.100.0/24", name="Museum")
    assert "too wide" in complaints(chief, form("0.0.0.0/0"))
    assert "is no network" in complaints(chief, form("campus"))
    assert "not a public network" in complaints(chief, form("10.16.0.0/12"))
    assert "of Museum" in complaints(chief, form("198.51.100.7"))
    assert "share addresses" in complaints(chief, form("192.0.2.0/24", "192.0.2.7"))
    assert "Choose what it opens" in complaints(chief, form(products=[]))
    assert "Anybody can have" in complaints(chief, form(domains=("gmail.com",)))
    assert Network.objects.count() == 1


def test_the_list_says_which_opens_to_nobody(chief: Client) -> None:
    institution()
    assert "it opens to nobody" in chief.get("/admin/paywall/institution/").content.decode()


def test_usage_is_shown_and_handed_out(chief: Client) -> None:
    place = institution(name="=Campus()")
    for name in "aab":
        usage.count(str(place.pk), name, now=NOON)
    page = chief.get(reverse("admin:paywall_institution_change", args=[place.pk])).content.decode()
    assert "<td>2026-11</td><td>3</td><td>2</td>" in page
    answer = chief.get(USAGE)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.content.decode().splitlines() == [
        "month,institution,opens,distinct_articles",
        "2026-11,'=Campus(),3,2",
    ]


def test_usage_is_for_whoever_may_see_institutions() -> None:
    support = reader("support@desk.example", is_staff=True)
    assert sign_in(support).get(USAGE).status_code == 403
    support.user_permissions.add(Permission.objects.get(codename="view_institution"))
    assert sign_in(support).get(USAGE).status_code == 200


def test_one_with_usage_is_not_deleted(chief: Client) -> None:
    place = institution()
    usage.count(str(place.pk), "a", now=NOON)
    chief.post(reverse("admin:paywall_institution_delete", args=[place.pk]), {"post": "yes"})
    assert Institution.objects.exists()
