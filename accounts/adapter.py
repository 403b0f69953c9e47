"""The hooks that bend allauth to our rules: mail through the outbox, safe targets, limits, honest busy answers."""

from __future__ import annotations

import dataclasses
import secrets
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.core import context as allauth_context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal.cryptokit import generate_user_code
from allauth.core.internal.httpkit import is_headless_request
from allauth.headless.adapter import DefaultHeadlessAdapter
from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _

from accounts import afterwards, clock, emails, identity, languages, limits, sessions
from accounts.errors import Busy
from accounts.models import Mail, User

# What a network address is counted as where the server cannot tell (a unix socket without a proxy in front).
_NOWHERE = "0.0.0.0"  # noqa: S104  nothing listens here
_BUSY_SECONDS = "2"
# Twenty letters to the twelfth: beyond guessing, however many ask.
_LONG_CODE = {"length": 12, "numeric": False, "dashed": True}


class AccountAdapter(DefaultAccountAdapter):
    """allauth as this project wants it."""

    def new_user(self, request: HttpRequest) -> AbstractBaseUser:
        """Return a reader to be filled in, who is spoken to in the language of the sign-up."""
        user: AbstractBaseUser = super().new_user(request)
        if isinstance(user, User):
            user.language = languages.current()
        return user

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Write the mail to the outbox in its reader's language; send it ourselves only where no worker is at work.

        That happens after the answer: the time it takes would tell which addresses we know.
        """
        now = clock.now()
        reader = User.objects.filter(email=email.lower()).first()
        with translation.override(languages.of(reader)):
            mail = self.render_mail(template_prefix, email, _mail_context(email, context))
        key = f"account:{secrets.token_hex(16)}"
        emails.queue(
            kind=template_prefix.rpartition("/")[2],
            dedup_key=key,
            to=email,
            subject=mail.subject,
            text=str(mail.body),
            html=_html_of(mail),
            reader=reader,
            now=now,
        )
        if emails.nobody_sends(now=now):
            mail_id = Mail.objects.values_list("pk", flat=True).get(dedup_key=key)
            transaction.on_commit(lambda: afterwards.do(lambda: emails.deliver(mail_id, now=now)))

    def pretend_to_mail(self, email: str) -> None:
        """Do the work of a code mail and write to nobody, so that time does not tell which addresses we know."""
        # Undone within a transaction that is committed: a commit waits for the disk, a rollback alone does not.
        with transaction.atomic(), transaction.atomic():
            self.send_mail("account/email/login_code", email, {"code": "000000"})
            transaction.set_rollback(True)

    def is_safe_url(self, url: str) -> bool:
        """Allow paths of this service, and addresses on `SITE_URL` or a site in `CORS_ALLOWED_ORIGINS`."""
        return is_safe_target(url)

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the network address of whoever asks, believing only so many proxies as are ours."""
        return identity.network_of(request) or _NOWHERE

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """Count one password tried, before it is checked.

        :raises ValidationError: enough were tried on this account from here.
        """
        refusal: ValidationError | None = None
        with transaction.atomic():  # as in `limits`: no lock outlives a crash
            try:
                super().pre_authenticate(request, **credentials)
            except ValidationError as refused:
                refusal = refused  # what was counted on the way stays counted
        if refusal is not None:
            raise refusal
        usage = limits.may_guess(request, email=credentials.get("email", ""))
        if usage is None:
            raise self.validation_error("too_many_login_attempts")
        self._login_failed_rl_usage.usage.extend(usage.usage)

    def _rollback_login_failed_rl_usage(self) -> None:
        with transaction.atomic():
            super()._rollback_login_failed_rl_usage()

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """Check a password, unless too many are being checked: then the answer is 503, come back soon."""
        try:
            user: AbstractBaseUser | None = super().authenticate(request, **credentials)
        except Busy as error:
            self._rollback_login_failed_rl_usage()
            raise ImmediateHttpResponse(_busy(request)) from error
        return user

    def confirm_email(self, request: HttpRequest, email_address: EmailAddress) -> bool:
        """Note an address as proven and, where it replaces another, tell of the change in the same transaction."""
        stored = email_address.pk
        try:
            with transaction.atomic():
                return bool(super().confirm_email(request, email_address))
        except IntegrityError:
            # Somebody proved it in the same moment. A moment later allauth sees that and answers accordingly.
            email_address.pk, email_address.verified, email_address.primary = stored, False, False
            email_address.user.refresh_from_db(fields=["email"])
            return bool(super().confirm_email(request, email_address))

    def login(self, request: HttpRequest, user: AbstractBaseUser) -> None:
        """Sign in with the password as stored now: the first proof of the address may just have taken it away."""
        user.refresh_from_db(fields=["password"])
        super().login(request, user)

    def set_password(self, user: AbstractBaseUser, password: str) -> None:
        """Store a new password, unless too many are being hashed."""
        try:
            super().set_password(user, password)
        except Busy as error:
            raise ImmediateHttpResponse(_busy(allauth_context.request)) from error

    def get_login_stages(self) -> list[str]:
        """Return allauth's steps of signing in, with our rule for the second factor."""
        ours = {"allauth.mfa.stages.AuthenticateStage": "accounts.second_factor.SecondFactorStage"}
        return [ours.get(stage, stage) for stage in super().get_login_stages()]

    def generate_login_code(self) -> str:
        """Return six digits, or more where an account is under siege."""
        return self._code() or super().generate_login_code()

    def generate_email_verification_code(self) -> str:
        """Return six digits, or more where an address is under siege."""
        return self._code() or super().generate_email_verification_code()

    def generate_password_reset_code(self) -> str:
        """Return six digits, or more where an account is under siege."""
        return self._code() or super().generate_password_reset_code()

    def _code(self) -> str | None:
        return generate_user_code(**_LONG_CODE) if limits.wants_long_codes(allauth_context.request) else None

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        return limits.place(request, email=credentials.get("email", ""))


class HeadlessAdapter(DefaultHeadlessAdapter):
    """What apps and frontends learn of a reader: the public id, never a row number."""

    def get_user_dataclass(self) -> type:
        """Return allauth's shape with our kind of id."""
        fields = [
            (field.name, str, dataclasses.field(metadata=_ID))
            if field.name == "id"
            else (field.name, field.type, dataclasses.field(metadata=dict(field.metadata)))
            for field in dataclasses.fields(super().get_user_dataclass())
        ]
        return dataclasses.make_dataclass("User", fields)

    def user_as_dataclass(self, user: AbstractBaseUser) -> Any:
        """Return `user` in that shape."""
        told = super().user_as_dataclass(user)
        return dataclasses.replace(told, id=user.public_id if isinstance(user, User) else "")


_ID = {"description": "The reader's public id.", "example": "rdr_0123456789abcdef01234567"}


def is_safe_target(url: str) -> bool:
    """Whether a reader may be sent to `url`: a path here, or an address on one of our configured origins."""
    if url.startswith("//") or "\\" in url or any(ord(letter) <= 32 for letter in url):
        return False  # browsers read such addresses in other ways than urlsplit does
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if not parts.scheme and not parts.netloc:
        return url_has_allowed_host_and_scheme(url, allowed_hosts=None)
    origin = f"{parts.scheme}://{parts.netloc}"
    if origin not in {settings.SITE_URL, *settings.CORS_ALLOWED_ORIGINS}:
        return False
    return url_has_allowed_host_and_scheme(url, allowed_hosts={parts.netloc})


def _site() -> SimpleNamespace:
    """Return the site as mails name it; a request's Host header has no say."""
    return SimpleNamespace(name=settings.SITE_NAME, domain=urlsplit(settings.SITE_URL).netloc)


def _mail_context(email: str, context: dict[str, Any]) -> dict[str, Any]:
    told = {"request": allauth_context.request, "email": email, "current_site": _site(), **context}
    if "user_agent" in told:
        told["user_agent"] = sessions.device_name(told["user_agent"])
    return told


def _html_of(mail: EmailMessage) -> str:
    parts = getattr(mail, "alternatives", ())
    return next((str(part.content) for part in parts if part.mimetype == "text/html"), "")


def _busy(request: HttpRequest) -> HttpResponse:
    text = _("Many people are signing in at this moment. Please try again in a few seconds.")
    status = HTTPStatus.SERVICE_UNAVAILABLE
    response: HttpResponse
    if is_headless_request(request):
        errors = [{"code": "busy", "message": text}]
        response = JsonResponse({"status": int(status), "errors": errors}, status=status)
    else:
        response = render(request, "error.html", {"title": _("One moment"), "text": text}, status=status)
    response["Retry-After"] = _BUSY_SECONDS
    return response
