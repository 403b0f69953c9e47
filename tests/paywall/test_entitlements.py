"""Rights are stated whole, kept with their history, and never stated twice."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.models import User
from paywall import entitlements
from paywall.decision.facts import Grant, Suspension
from paywall.errors import ProductUnknown
from paywall.models import Entitlement, Product
from tests.factories.paywall import CARD, DAY, NOON, grant, in_grace, product, reader

SOURCE = "subscription:sub_1"
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def mara() -> User:
    product("premium")
    product("culture")
    return reader()


def test_what_is_stated_is_read_back(mara: User) -> None:
    stated = (
        in_grace(trouble=CARD, resumes_at=NOON + DAY),
        grant(product="culture", ends_at=None, suspension=Suspension.PAUSED),
    )
    assert entitlements.replace(mara, source=SOURCE, grants=stated, now=NOON)
    assert set(entitlements.snapshot(mara, now=NOON)) == set(stated)


def test_the_strongest_comes_first(mara: User) -> None:
    entitlements.replace(mara, source=SOURCE, grants=(in_grace(),), now=NOON)
    entitlements.replace(mara, source="comp:7", grants=(grant(source="comp:7"),), now=NOON)
    assert [each.source for each in entitlements.snapshot(mara, now=NOON)] == ["comp:7", SOURCE]


def test_the_same_again_writes_nothing(mara: User, django_assert_num_queries: object) -> None:
    entitlements.replace(mara, source=SOURCE, grants=(in_grace(),), now=NOON)
    before = list(Entitlement.objects.values())
    assert not entitlements.replace(mara, source=SOURCE, grants=(in_grace(),), now=NOON + HOUR)
    assert list(Entitlement.objects.values()) == before


def test_the_same_moment_in_another_zone_is_the_same(mara: User) -> None:
    entitlements.replace(mara, source=SOURCE, grants=(grant(),), now=NOON)
    elsewhere = grant(starts_at=(NOON - 10 * DAY).astimezone(ZoneInfo("Europe/Berlin")))
    assert not entitlements.replace(mara, source=SOURCE, grants=(elsewhere,), now=NOON + HOUR)


def test_a_change_closes_a_row_and_adds_one(mara: User) -> None:
    entitlements.replace(mara, source=SOURCE, grants=(grant(),), now=NOON)
    first = Entitlement.objects.values().get()
    assert entitlements.replace(mara, source=SOURCE, grants=(in_grace(),), now=NOON + HOUR)
    new, old = Entitlement.objects.values()
    assert old == first | {"superseded_at": NOON + HOUR}
    assert (new["recorded_at"], new["superseded_at"]) == (NOON + HOUR, None)


def test_what_is_not_stated_any_more_is_over_at_once(mara: User) -> None:
    entitlements.replace(mara, source=SOURCE, grants=(grant(), grant(product="culture")), now=NOON)
    entitlements.replace(mara, source=SOURCE, grants=(grant(),), now=NOON + HOUR)
    assert [each.product for each in entitlements.snapshot(mara, now=NOON)] == ["premium"]
    entitlements.replace(mara, source=SOURCE, grants=(), now=NOON + 2 * HOUR)
    assert entitlements.snapshot(mara, now=NOON) == ()
    assert Entitlement.objects.count() == 2


def test_sources_and_readers_do_not_touch_each_other(mara: User) -> None:
    other = reader("jon@readers.example")
    entitlements.replace(mara, source="comp:7", grants=(grant(source="comp:7"),), now=NOON)
    entitlements.replace(other, source=SOURCE, grants=(grant(),), now=NOON)
    entitlements.replace(mara, source=SOURCE, grants=(), now=NOON)
    assert len(entitlements.snapshot(mara, now=NOON)) == len(entitlements.snapshot(other, now=NOON)) == 1


def test_an_unknown_product_changes_nothing(mara: User) -> None:
    entitlements.replace(mara, source=SOURCE, grants=(grant(),), now=NOON)
    with pytest.raises(ProductUnknown, match="opera"):
        entitlements.replace(
            mara, source=SOURCE, grants=(in_grace(), grant(product="opera")), now=NOON + HOUR
        )
    assert entitlements.snapshot(mara, now=NOON) == (grant(),)


@pytest.mark.parametrize(
    "grants", [(grant(), grant()), (grant(source="comp:7"),)], ids=["twice", "another's source"]
)
def test_a_statement_that_makes_no_sense_is_refused(mara: User, grants: tuple[Grant, ...]) -> None:
    with pytest.raises(ValueError, match=r"states|stated"):
        entitlements.replace(mara, source=SOURCE, grants=grants, now=NOON)


def test_the_past_is_remembered_as_it_was_known(mara: User) -> None:
    entitlements.replace(mara, source=SOURCE, grants=(grant(),), now=NOON)
    entitlements.replace(mara, source=SOURCE, grants=(in_grace(),), now=NOON + DAY)

    def known(at: datetime) -> tuple[Grant, ...]:
        return entitlements.as_of(mara, at=NOON, known_at=at)

    assert known(NOON - HOUR) == ()
    assert known(NOON) == known(NOON + DAY - HOUR) == (grant(),)
    assert known(NOON + DAY) == (in_grace(),) == entitlements.snapshot(mara, now=NOON)


def test_a_clock_that_goes_back_leaves_no_gap_and_no_overlap(mara: User) -> None:
    entitlements.replace(mara, source=SOURCE, grants=(grant(),), now=NOON)
    entitlements.replace(mara, source=SOURCE, grants=(), now=NOON - HOUR)
    entitlements.replace(mara, source=SOURCE, grants=(in_grace(),), now=NOON - 2 * HOUR)
    for minutes in (-180, -60, 0, 60):
        assert len(entitlements.as_of(mara, at=NOON, known_at=NOON + timedelta(minutes=minutes))) == (
            minutes >= 0
        )


_statements = st.lists(
    st.tuples(
        st.sampled_from([SOURCE, "comp:7"]),
        st.sets(st.sampled_from(["premium", "culture"])),
        st.integers(0, 2),
        st.integers(0, 3),
    ),
    max_size=6,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_statements)
def test_the_last_statement_of_each_source_is_what_holds(
    mara: User, statements: list[tuple[str, set[str], int, int]]
) -> None:
    Entitlement.objects.all().delete()
    now, expected = NOON, {SOURCE: set[Grant](), "comp:7": set[Grant]()}
    remembered: list[tuple[datetime, set[Grant]]] = []
    for source, products, extra, hours in statements:
        now += hours * HOUR + timedelta(seconds=1)
        grants = tuple(
            grant(product=each, source=source, ends_at=NOON + extra * DAY) for each in sorted(products)
        )
        entitlements.replace(mara, source=source, grants=grants, now=now)
        expected[source] = set(grants)
        remembered.append((now, expected[SOURCE] | expected["comp:7"]))
    assert set(entitlements.snapshot(mara, now=now)) == expected[SOURCE] | expected["comp:7"]
    for moment, then in remembered:
        assert set(entitlements.as_of(mara, at=moment, known_at=moment)) == then


@pytest.mark.django_db(transaction=True)
def test_parallel_statements_end_in_one_of_them() -> None:
    product("premium")
    mara = reader()
    start = threading.Barrier(6)
    trouble: list[BaseException] = []

    def state(day: int) -> None:
        try:
            start.wait(5)
            for _ in range(3):
                entitlements.replace(
                    mara, source=SOURCE, grants=(grant(ends_at=NOON + day * DAY),), now=datetime.now(UTC)
                )
        except Exception as error:  # noqa: BLE001 - reported by the test below
            trouble.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=state, args=(day,)) for day in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert trouble == []
    assert len(entitlements.snapshot(mara, now=NOON)) == 1
    assert not Entitlement.objects.filter(superseded_at=None).count() > 1
    assert Product.objects.count() == 1
