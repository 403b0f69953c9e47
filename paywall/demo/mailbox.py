"""The local outbox: the messages that Django's file-based e-mail backend has written, read back."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parsedate_to_datetime
from pathlib import Path

# The backend ends each message with a line of 79 dashes; one file holds the messages of one connection.
_END = re.compile(rb"^-{79}\n?", re.MULTILINE)
_CODE = re.compile(r"^\s*(\d{6}|[A-Z0-9]{3,5}(?:-[A-Z0-9]{3,5})+)\s*$", re.MULTILINE)
_ADDRESS = re.compile(r"(https?://[^\s<>\"]*[^\s<>\".,;:!?)])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of a message's text: a link when `is_link`, else words."""

    text: str
    is_link: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One message. `key` names it within its folder for as long as the file is kept."""

    key: str
    subject: str
    to: str
    sent_at: datetime | None
    text: str
    html: str

    @property
    def code(self) -> str:
        """Return the code that stands alone on a line of the text, or nothing."""
        found = _CODE.search(self.text)
        return found.group(1) if found else ""

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Return the text cut into links and what stands between them."""
        parts = _ADDRESS.split(self.text.strip())
        return tuple(Piece(text=part, is_link=index % 2 == 1) for index, part in enumerate(parts) if part)


def mails(folder: Path) -> list[Mail]:
    """Return all messages in `folder`, newest first; none if there is no such folder."""
    files = sorted(folder.glob("*.log"), key=lambda path: (path.stat().st_mtime_ns, path.name))
    return [mail for path in files for mail in _read(path)][::-1]


def find(folder: Path, key: str) -> Mail | None:
    """Return the message called `key`, or None."""
    return next((mail for mail in mails(folder) if mail.key == key), None)


def _read(path: Path) -> Iterator[Mail]:
    for number, raw in enumerate(_END.split(path.read_bytes())):
        if raw.strip():
            yield _mail(message_from_bytes(raw, policy=policy.default), key=f"{path.stem}-{number}")


def _mail(message: EmailMessage, *, key: str) -> Mail:
    return Mail(
        key=key,
        subject=str(message.get("Subject", "")),
        to=str(message.get("To", "")),
        sent_at=_date(message.get("Date")),
        text=_part(message, "plain"),
        html=_part(message, "html"),
    )


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body(preferencelist=(kind,))
    return str(part.get_content()) if part else ""


def _date(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None
