"""The outbox: told once, sent at least once, never lost, and its text is gone when it has been sent."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core import mail as django_mail
from django.core.mail.backends.base import BaseEmailBackend
from django.core.management import call_command

from accounts import clock, emails, tasks
from accounts.models import Mail
from tests.factories.accounts import a_mail, a_reader

pytestmark = pytest.mark.django_db


class FailingBackend(BaseEmailBackend):
    """A mail server that is down, except for addresses that start with `fine`."""

    def send_messages(self, messages: Any) -> int:
        if any(not address.startswith("fine") for message in messages for address in message.to):
            raise ConnectionRefusedError(111, "nobody there")
        return len(messages)


@pytest.fixture
def broken_mail(settings: Any) -> None:
    settings.EMAIL_BACKEND = f"{__name__}.FailingBackend"


class TestQueue:
    def test_tells_each_key_once(self, now: datetime) -> None:
        said = {"kind": "k", "dedup_key": "renewed:in_1", "to": "a@example.org", "subject": "S", "text": "T"}
        assert emails.queue(**said, now=now) is True
        assert emails.queue(**said, now=now) is False
        assert Mail.objects.count() == 1

    def test_keeps_the_subject_on_one_line(self, now: datetime) -> None:
        emails.queue(
            kind="k", dedup_key="x", to="a@example.org", subject="Hi\r\nBcc: b@example.org", text="T", now=now
        )
        assert Mail.objects.get().subject == "Hi Bcc: b@example.org"


class TestDeliver:
    def test_sends_and_wipes(self, now: datetime) -> None:
        emails.queue(
            kind="k",
            dedup_key="x",
            to="a@example.org",
            subject="S",
            text="code 123456",
            html="<p>code 123456",
            reader=a_reader(),
            now=now,
        )
        assert emails.deliver(Mail.objects.get().pk, now=now) is True
        sent = django_mail.outbox[0]
        assert sent.to == ["a@example.org"]
        assert sent.extra_headers["Message-ID"].endswith("@localhost>")
        assert "123456" in str(sent.message())
        row = Mail.objects.get()
        assert (row.state, row.text, row.html, row.sent_at) == (Mail.State.SENT, "", "", now)

    def test_sends_once(self, now: datetime) -> None:
        mail = a_mail(now=now)
        assert emails.deliver(mail.pk, now=now)
        assert not emails.deliver(mail.pk, now=now)
        assert len(django_mail.outbox) == 1

    def test_leaves_a_mail_that_another_worker_holds(self, now: datetime) -> None:
        mail = a_mail(now=now)
        Mail.objects.update(leased_until=now + timedelta(seconds=30))
        assert not emails.deliver(mail.pk, now=now)
        assert emails.deliver(mail.pk, now=now + timedelta(seconds=30))

    def test_what_was_taken_back_is_not_sent_by_whoever_follows_a_dead_worker(self, now: datetime) -> None:
        mail = a_mail(now=now)
        Mail.objects.update(leased_until=now + timedelta(seconds=30), attempts=1)  # and then it dies
        emails.withdraw([mail.dedup_key])
        assert not emails.deliver(mail.pk, now=now + timedelta(minutes=5))
        assert django_mail.outbox == []
        row = Mail.objects.get()
        assert (row.state, row.text) == (Mail.State.WITHDRAWN, "")

    def test_sends_twice_under_one_message_id(self, now: datetime) -> None:
        mail = a_mail(now=now)
        emails.deliver(mail.pk, now=now)
        Mail.objects.update(
            state=Mail.State.QUEUED
        )  # as if the worker had died between sending and noting it
        emails.deliver(mail.pk, now=now + timedelta(minutes=5))
        first, second = (message.extra_headers["Message-ID"] for message in django_mail.outbox)
        assert first == second

    @pytest.mark.usefixtures("broken_mail")
    def test_backs_off_and_gives_up_after_eight_tries(self, now: datetime) -> None:
        mail = a_mail(now=now)
        pauses = []
        moment = now
        for _ in range(emails.MAX_TRIES):
            assert not emails.deliver(mail.pk, now=moment)
            row = Mail.objects.get()
            pauses.append((row.next_attempt_at - moment).total_seconds())
            moment = row.next_attempt_at
        assert pauses == [1, 4, 16, 64, 256, 1024, 3600, 3600]
        assert row.state == Mail.State.DEAD
        assert row.last_error.startswith("ConnectionRefusedError")
        assert list(emails.due(now=moment + timedelta(days=1))) == []


class TestTasks:
    @pytest.mark.usefixtures("broken_mail")
    def test_one_bad_mail_holds_nobody_up(self, now: datetime) -> None:
        bad = a_mail(to="bad@example.org", now=now - timedelta(days=300))
        fine = a_mail(to="fine@example.org", now=now - timedelta(days=300))
        tasks.deliver_mails([bad.pk, fine.pk, 10**9])
        assert Mail.objects.get(pk=bad.pk).state == Mail.State.QUEUED
        assert Mail.objects.get(pk=fine.pk).state == Mail.State.SENT

    def test_the_sweep_sends_what_was_left(self, now: datetime) -> None:
        for _ in range(3):
            a_mail(now=now - timedelta(days=300))
        tasks.sweep_mails()
        assert len(django_mail.outbox) == 3


def test_nobody_sends_is_told_by_untouched_mails(now: datetime) -> None:
    a_mail(now=now)
    assert not emails.nobody_sends(now=now + timedelta(seconds=4))
    assert emails.nobody_sends(now=now + timedelta(seconds=5))
    Mail.objects.update(attempts=1)
    assert not emails.nobody_sends(now=now + timedelta(seconds=5))


class TestGivenUp:
    def test_are_sent_again_but_for_codes_that_have_run_out(self, now: datetime) -> None:
        told, code = a_mail(now=now), a_mail(now=now)
        Mail.objects.update(state=Mail.State.DEAD, attempts=8)
        Mail.objects.filter(pk=code.pk).update(kind="login_code")
        assert set(emails.given_up(now=now)) == {told, code}
        assert set(emails.given_up(now=now + timedelta(hours=1))) == {told}
        assert emails.again([told.pk], now=now) == 1
        assert emails.due_ids(now=now, limit=9) == [told.pk]
        assert emails.again([told.pk], now=now) == 0

    def test_the_command_lists_them_and_puts_them_back(self) -> None:
        Mail.objects.filter(pk=a_mail(now=clock.now()).pk).update(state=Mail.State.DEAD, last_error="refused")
        said = StringIO()
        call_command("retry_mails", "--dry-run", stdout=said)
        assert "test: refused\n1 mails would be" in said.getvalue()
        assert Mail.objects.get().state == Mail.State.DEAD
        call_command("retry_mails", stdout=said)
        assert "1 mails will be sent again" in said.getvalue()
        assert Mail.objects.get().state == Mail.State.QUEUED
