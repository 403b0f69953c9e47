"""Signing keys: one at a time, published before and after, sealed at rest, gone at once where one leaked."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as configured
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.test import Client

from paywall import keys
from paywall.errors import SigningKeyUnknown
from paywall.models import SigningKey
from paywall.tasks import turn_keys
from tests.factories.paywall import DAY, NOON
from tests.proofs.races.races import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("at_noon")]

HOUR = timedelta(hours=1)
JWKS = "/.well-known/jwks.json"
OTHER_SECRET = "another-key-for-tests-only-another-key-for-tests-only"


def states() -> dict[str, str]:
    return dict(SigningKey.objects.values_list("kid", "state"))


def published(now: Any = NOON) -> set[str]:
    return {key["kid"] for key in keys.published(now=now)}


def command(*arguments: str) -> str:
    output = io.StringIO()
    call_command("rotate_keys", *arguments, stdout=output)
    return output.getvalue()


class TestTheFirst:
    def test_is_made_when_it_is_asked_for_and_once(self, django_assert_num_queries: Any) -> None:
        first = keys.signer(now=NOON)
        assert published() == {first.kid}
        with django_assert_num_queries(1):
            assert keys.signer(now=NOON + DAY).kid == first.kid

    @pytest.mark.django_db(transaction=True)
    def test_is_one_also_when_many_ask_at_the_same_moment(self) -> None:
        made = at_once(*[lambda: keys.signer(now=NOON).kid] * 4)
        assert len(set(made)) == 1
        assert list(states().values()) == ["signing"]

    def test_is_published_to_whoever_looks_before_a_token_was_asked_for(self, client: Client) -> None:
        told = client.get(JWKS).json()["keys"]
        assert [key["kid"] for key in told] == [keys.signer(now=NOON).kid]


class TestPublishing:
    def test_tells_public_halves_and_nothing_else(self, client: Client) -> None:
        (told,) = client.get(JWKS).json()["keys"]
        assert set(told) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
        assert (told["kty"], told["crv"], told["alg"], told["use"]) == ("EC", "P-256", "ES256", "sig")

    def test_is_the_one_answer_that_may_be_kept_and_sets_no_cookie(self, client: Client) -> None:
        answer = client.get(JWKS, headers={"Authorization": "Bearer " + "0" * 32})
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "public, max-age=300")
        assert not answer.cookies
        assert "Cookie" not in answer.headers.get("Vary", "")

    def test_private_halves_are_in_no_row_and_no_words(self) -> None:
        signer = keys.signer(now=NOON)
        number = signer.private.private_numbers().private_value
        row = SigningKey.objects.get()
        stored = json.dumps([row.sealed, row.public_jwk, str(row), repr(row), repr(signer)])
        assert str(number) not in stored
        assert number.to_bytes(32, "big").hex() not in stored
        assert "PRIVATE" not in stored
        assert "private" not in repr(signer)


class TestTurning:
    def test_nothing_is_due_at_first(self) -> None:
        assert keys.turn(now=NOON) == ()
        assert keys.turn(now=NOON + 28 * DAY) == ()

    def test_the_next_is_published_for_a_day_before_it_signs_and_the_last_for_an_hour_after(self) -> None:
        first = keys.signer(now=NOON).kid
        keys.turn(now=NOON + 29 * DAY)
        (second,) = published() - {first}
        at = NOON + 29 * DAY
        assert (keys.turn(now=at + DAY - HOUR), keys.signer(now=at + DAY - HOUR).kid) == ((), first)
        keys.turn(now=at + DAY)
        assert keys.signer(now=at + DAY).kid == second
        assert published() == {first, second}
        assert SigningKey.objects.get(kid=first).sealed == ""
        keys.turn(now=at + DAY + HOUR)
        assert published() == {second}

    def test_twice_is_once(self) -> None:
        keys.signer(now=NOON)
        for _ in range(2):
            keys.turn(now=NOON, at_once=True)
        assert sorted(states().values()) == ["signing", "upcoming"]

    @pytest.mark.django_db(transaction=True)
    def test_at_the_same_moment_is_once(self) -> None:
        keys.signer(now=NOON)
        keys.turn(now=NOON, at_once=True)
        at_once(*[lambda: keys.turn(now=NOON + DAY)] * 4)
        assert sorted(states().values()) == ["retired", "signing"]

    def test_the_schedule_does_it(self) -> None:
        keys.signer(now=NOON - 30 * DAY)
        turn_keys()
        assert sorted(states().values()) == ["signing", "upcoming"]
        assert "paywall.turn_keys" in {entry["task"] for entry in configured.CELERY_BEAT_SCHEDULE.values()}

    @pytest.mark.parametrize("state", ["signing", "upcoming"])
    def test_the_database_holds_one_of_each(self, state: str) -> None:
        keys.signer(now=NOON)
        keys.turn(now=NOON, at_once=True)
        fields = {"public_jwk": {}, "sealed": "x", "created_at": NOON}
        with pytest.raises(IntegrityError), transaction.atomic():
            SigningKey.objects.create(kid="another", state=state, **fields)

    def test_a_key_that_signs_no_more_keeps_no_secret(self) -> None:
        keys.signer(now=NOON)
        with pytest.raises(IntegrityError), transaction.atomic():
            SigningKey.objects.update(state="retired")


class TestWithdrawing:
    def test_counts_for_nothing_at_once_and_another_signs(self) -> None:
        leaked = keys.signer(now=NOON).kid
        signing = keys.withdraw(leaked, now=NOON)
        assert published() == {signing} != {leaked}
        row = SigningKey.objects.get(kid=leaked)
        assert (row.state, row.sealed, row.gone_at) == ("gone", "", NOON)

    def test_the_one_that_waited_takes_over(self) -> None:
        leaked = keys.signer(now=NOON).kid
        keys.turn(now=NOON, at_once=True)
        (waiting,) = published() - {leaked}
        assert keys.withdraw(leaked, now=NOON) == waiting

    @pytest.mark.parametrize("kid", ["nobody", "", "../../etc/passwd", "' OR 1=1 --", "x" * 5000])
    def test_a_key_that_is_none_is_refused(self, kid: str) -> None:
        keys.signer(now=NOON)
        with pytest.raises(SigningKeyUnknown):
            keys.withdraw(kid, now=NOON)

    def test_and_once_is_enough(self) -> None:
        leaked = keys.signer(now=NOON).kid
        keys.withdraw(leaked, now=NOON)
        with pytest.raises(SigningKeyUnknown):
            keys.withdraw(leaked, now=NOON)


class TestRollingTheSecret:
    def test_with_the_old_one_as_a_fallback_the_key_signs_on(self, settings: Any) -> None:
        first = keys.signer(now=NOON).kid
        settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = OTHER_SECRET, [configured.SECRET_KEY]
        assert keys.signer(now=NOON).kid == first

    def test_without_it_another_key_signs_and_what_was_signed_still_counts(self, settings: Any) -> None:
        first = keys.signer(now=NOON).kid
        keys.turn(now=NOON, at_once=True)
        settings.SECRET_KEY = OTHER_SECRET
        second = keys.signer(now=NOON).kid
        assert published() == {first, second}
        assert sorted(states().values()) == ["gone", "retired", "signing"]
        assert keys.signer(now=NOON).kid == second


class TestTheCommand:
    def test_tells_what_it_did_and_what_is_published(self) -> None:
        assert command().startswith("nothing is due\n")
        assert "published" in command("--now")
        assert command().count("\n") == 3

    def test_tries_without_changing_anything(self) -> None:
        first = keys.signer(now=NOON).kid
        assert "(not done: --dry-run)" in command("--now", "--dry-run")
        assert "(not done: --dry-run)" in command("--withdraw", first, "--dry-run")
        assert states() == {first: "signing"}

    def test_withdraws(self) -> None:
        leaked = keys.signer(now=NOON).kid
        assert "counts for nothing" in command("--withdraw", leaked)
        assert leaked not in published()
        with pytest.raises(CommandError, match="No key"):
            command("--withdraw", leaked)


def test_a_published_key_checks_what_its_private_half_signed() -> None:
    signer = keys.signer(now=NOON)
    token = jwt.encode({"a": 1}, signer.private, algorithm="ES256")
    (told,) = keys.published(now=NOON)
    assert jwt.decode(token, jwt.PyJWK(told), algorithms=["ES256"]) == {"a": 1}
