"""What the pages say around the articles, in the languages the newspaper speaks.

The articles stay in English; what the paywall tells a reader comes from the paywall,
in the reader's language.
"""

from collections.abc import Mapping
from datetime import datetime

LANGUAGES = ("en", "de")

_ENGLISH: Mapping[str, str] = {
    "skip": "Skip to the text",
    "motto": "Printed where the river meets the sea",
    "sections": "Sections",
    "city": "City",
    "politics": "Politics",
    "culture": "Culture",
    "science": "Science",
    "sport": "Sport",
    "opinion": "Opinion",
    "front_page": "Front page",
    "outbox": "Outbox",
    "account": "Account",
    "your_account": "Your account",
    "sign_in": "Sign in",
    "subscribe": "Subscribe",
    "signed_in_as": "Signed in as",
    "by": "By",
    "and": "and",
    "minutes": "min read",
    "free": "Free",
    "registered": "Free account",
    "subscriber": "Subscribers",
    "open_to_you": "Open to you",
    "more": "More from this section",
    "wall_kicker": "The rest of this article",
    "wall_title": "This article is for subscribers",
    "wall_text": "Sign in or subscribe to read on.",
    "opens_it": "What opens this article",
    "read_gift": "Read the article",
    "give": "Give this article away",
    "given": "Whoever has this link can read the article:",
    "per": "/",
    "choose": "Choose",
    "watching": "This article opens by itself as soon as it may.",
    "log_in": "Sign in",
    "register": "Create a free account",
    "verify_email": "Confirm your e-mail address",
    "upgrade": "Change your plan",
    "fix_card": "Update your card",
    "confirm_payment": "Confirm the payment",
    "resume": "Resume your subscription",
    "switch_account": "Use another account",
    "wait": "Try again",
    "down_title": "We cannot open articles right now",
    "down_text": (
        "The service that knows our readers does not answer. Nothing is wrong with your account; "
        "this page tries again by itself."
    ),
    "try_again": "Try again",
    "free_reads": "free articles left",
    "missing_title": "We never printed that",
    "missing_text": "There is no page at this address. The front page has everything we have.",
    "unpublished_title": "Not in print yet",
    "unpublished_text": "This article is not published. Please come back later.",
    "outbox_title": "The local outbox",
    "outbox_text": "Every e-mail that this demonstration sends ends up here and goes nowhere else.",
    "outbox_empty": "No mail yet. Sign up or sign in, and the code will be here a moment later.",
    "mail_to": "To",
    "mail_html": "As it looks in a mail program",
    "code": "Your code",
    "imprint": "A newspaper for demonstration only. Kelmouth, its people and its fish are made up.",
    "day": "{amount} a day",
    "week": "{amount} a week",
    "month": "{amount} a month",
    "year": "{amount} a year",
    "days": "{amount} every {count} days",
    "weeks": "{amount} every {count} weeks",
    "months": "{amount} every {count} months",
    "years": "{amount} every {count} years",
}

_GERMAN: Mapping[str, str] = {
    "skip": "Zum Text springen",
    "motto": "Gedruckt, wo der Fluss ins Meer geht",
    "sections": "Ressorts",
    "city": "Stadt",
    "politics": "Politik",
    "culture": "Kultur",
    "science": "Wissen",
    "sport": "Sport",
    "opinion": "Meinung",
    "front_page": "Titelseite",
    "outbox": "Postausgang",
    "account": "Konto",
    "your_account": "Ihr Konto",
    "sign_in": "Anmelden",
    "subscribe": "Abonnieren",
    "signed_in_as": "Angemeldet als",
    "by": "Von",
    "and": "und",
    "minutes": "Min. Lesezeit",
    "free": "Frei",
    "registered": "Mit freiem Konto",
    "subscriber": "Abonnement",
    "open_to_you": "Für Sie offen",
    "more": "Mehr aus diesem Ressort",
    "wall_kicker": "Wie es weitergeht",
    "wall_title": "Dieser Artikel ist für Abonnenten",
    "wall_text": "Melden Sie sich an oder abonnieren Sie, um weiterzulesen.",
    "opens_it": "Was diesen Artikel öffnet",
    "read_gift": "Artikel lesen",
    "give": "Diesen Artikel verschenken",
    "given": "Wer diesen Link hat, kann den Artikel lesen:",
    "per": "/",
    "choose": "Wählen",
    "watching": "Der Artikel öffnet sich von selbst, sobald es möglich ist.",
    "log_in": "Anmelden",
    "register": "Kostenloses Konto anlegen",
    "verify_email": "E-Mail-Adresse bestätigen",
    "upgrade": "Abonnement wechseln",
    "fix_card": "Karte aktualisieren",
    "confirm_payment": "Zahlung bestätigen",
    "resume": "Abonnement fortsetzen",
    "switch_account": "Anderes Konto verwenden",
    "wait": "Noch einmal versuchen",
    "down_title": "Wir können gerade keine Artikel öffnen",
    "down_text": (
        "Der Dienst, der unsere Leser kennt, antwortet nicht. Mit Ihrem Konto ist alles in Ordnung; "
        "diese Seite versucht es von selbst noch einmal."
    ),
    "try_again": "Noch einmal versuchen",
    "free_reads": "freie Artikel übrig",
    "missing_title": "Das haben wir nie gedruckt",
    "missing_text": "Unter dieser Adresse gibt es nichts. Auf der Titelseite steht alles, was wir haben.",
    "unpublished_title": "Noch nicht im Blatt",
    "unpublished_text": "Dieser Artikel ist nicht veröffentlicht. Bitte schauen Sie später wieder vorbei.",
    "outbox_title": "Der örtliche Postausgang",
    "outbox_text": "Jede E-Mail dieser Vorführung landet hier und geht sonst nirgendwohin.",
    "outbox_empty": "Noch keine Post. Melden Sie sich an, und der Code ist einen Augenblick später hier.",
    "mail_to": "An",
    "mail_html": "So sieht sie im Mailprogramm aus",
    "code": "Ihr Code",
    "imprint": "Eine Zeitung nur zur Vorführung. Kelmouth, seine Leute und seine Fische sind erfunden.",
    "day": "{amount} am Tag",
    "week": "{amount} in der Woche",
    "month": "{amount} im Monat",
    "year": "{amount} im Jahr",
    "days": "{amount} alle {count} Tage",
    "weeks": "{amount} alle {count} Wochen",
    "months": "{amount} alle {count} Monate",
    "years": "{amount} alle {count} Jahre",
}

_CATALOGUES: Mapping[str, Mapping[str, str]] = {"en": _ENGLISH, "de": _GERMAN}

# fmt: off
_MONTHS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
    "de": (
        "Januar", "Februar", "März", "April", "Mai", "Juni",
        "Juli", "August", "September", "Oktober", "November", "Dezember",
    ),
}
# fmt: on


def catalogue(language: str) -> Mapping[str, str]:
    """Return the words of `language`, which must be one of `LANGUAGES`."""
    return _CATALOGUES[language]


def price(amount: str, *, interval: str, count: int, words: Mapping[str, str]) -> str:
    """Return an amount with how often it is charged; an interval without a name leaves the amount alone."""
    sentence = words.get(interval if count == 1 else f"{interval}s", "{amount}")
    return sentence.format(amount=amount, count=count)


def date(when: datetime, *, language: str) -> str:
    """Return the day of `when` as it is written in `language`."""
    month = _MONTHS[language][when.month - 1]
    return f"{when.day}. {month} {when.year}" if language == "de" else f"{when.day} {month} {when.year}"
