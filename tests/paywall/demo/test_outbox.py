"""The local outbox: what a mail that was sent looks like there."""

from email.message import EmailMessage
from http import HTTPStatus
from pathlib import Path

from werkzeug.test import Client

from tests.paywall.demo.fake_paywall import EMAIL


class TestTheOutbox:
    def write(self, folder: Path, name: str, *letters: EmailMessage) -> None:
        folder.mkdir(exist_ok=True)
        folder.joinpath(name).write_bytes(
            b"".join(bytes(mail) + b"\n" + b"-" * 79 + b"\n" for mail in letters)
        )

    def letter(self, subject: str, text: str, html: str = "") -> EmailMessage:
        message = EmailMessage()
        message["Subject"], message["To"] = subject, EMAIL
        message["Date"] = "Wed, 25 Nov 2026 12:00:00 -0000"
        message.set_content(text)
        if html:
            message.add_alternative(html, subtype="html")
        return message

    def test_says_so_when_it_is_empty(self, reader: Client) -> None:
        assert "No mail yet" in reader.get("/mail/").text

    def test_shows_the_newest_first_with_its_code(self, reader: Client, mail_dir: Path) -> None:
        first = self.letter("Welcome", "See https://service.example/account/.")
        second = self.letter("Your code", "Here it is:\n\n482913\n\nIt is good for three minutes.")
        self.write(mail_dir, "1.log", first, second)
        page = reader.get("/mail/").text
        assert page.index("Your code") < page.index("Welcome")
        assert "<code>482913</code>" in page
        assert '<a href="https://service.example/account/">https://service.example/account/</a>.' in page

    def test_never_runs_what_a_mail_brings(self, reader: Client, mail_dir: Path) -> None:
        self.write(
            mail_dir, "1.log", self.letter("Hi", "<script>alert(1)</script>", "<script>alert(2)</script>")
        )
        assert "<script>alert" not in reader.get("/mail/").text
        part = reader.get("/mail/1-0/html/")
        assert "sandbox" in part.headers["Content-Security-Policy"]
        assert "default-src 'none'" in part.headers["Content-Security-Policy"]

    def test_has_no_page_for_a_mail_that_never_came(self, reader: Client) -> None:
        assert reader.get("/mail/1-0/html/").status_code == HTTPStatus.NOT_FOUND
