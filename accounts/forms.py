"""The forms of the account pages: an address first, a code by mail, a password only for who wants one."""

from __future__ import annotations

import secrets
from typing import Any

from allauth.account import forms as allauth_forms
from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.manage_email import sync_user_email_address
from allauth.core import context
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from accounts import limits
from accounts.models import User


class CodeByMail:
    """A form whose success mails a code to its `email`: each counts, whether or not anybody has the address."""

    cleaned_data: dict[str, Any]

    def clean_email(self) -> str:
        """Check the address as usual, then whether one more mail may go there.

        :raises ValidationError: enough were sent.
        """
        email: str = super().clean_email()  # type: ignore[misc]  # a mixin
        if not limits.may_send_code(context.request, email=email):
            raise get_adapter().validation_error("too_many_login_attempts")
        return email


class ParallelSignUp:
    """Two sign-ups of one address at once are answered alike, and so is one whose address was never proven."""

    account_already_exists: bool
    cleaned_data: dict[str, Any]

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Store the reader, or find the one who never proved the address, or write to the owner of a proven one."""
        if not self.account_already_exists:
            try:
                with transaction.atomic():
                    return self.save(request), None  # type: ignore[attr-defined]  # likewise
            except IntegrityError:
                self.account_already_exists = True
        else:
            self._pretend_to_save(request)
        # Whoever signed up and lost the code may simply sign up again.
        reader = _never_proven(self.cleaned_data["email"])
        if reader is not None:
            return reader, None
        answer: tuple[User | None, HttpResponse | None] = super().try_save(request)  # type: ignore[misc]  # likewise
        return answer

    def _pretend_to_save(self, request: HttpRequest) -> None:
        """Do the work of storing a reader and store none, so that time does not tell which addresses we know."""
        given = self.cleaned_data
        self.cleaned_data, self.account_already_exists = {**given, "email": _an_address()}, False
        # Undone within a transaction that is committed: a commit waits for the disk, a rollback alone does not.
        with transaction.atomic(), transaction.atomic():
            self.save(request)  # type: ignore[attr-defined]  # likewise
            transaction.set_rollback(True)
        self.cleaned_data, self.account_already_exists = given, True


class RequestLoginCodeForm(CodeByMail, allauth_forms.RequestLoginCodeForm):
    """Ask for a code to sign in with."""

    def clean_email(self) -> str:
        """Check the address, and make sure that typing the code will prove it."""
        email = super().clean_email()
        if self._user is None:
            get_adapter().pretend_to_mail(email)
        else:
            sync_user_email_address(self._user)
        return email


class LoginForm(allauth_forms.LoginForm):
    """Sign in: an address and nothing else gets a code by mail; who has set a password may give it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Browsers offer passkeys and stored passwords only under this name.
        self.fields["login"].widget.attrs["autocomplete"] = "username webauthn"
        self.fields["password"].help_text = _("Leave this empty and we mail you a code.")

    def _setup_password_field(self) -> None:
        self.fields["password"].required = False

    def _clean_without_password(self, email: str | None, phone: str | None) -> dict[str, Any]:
        form = RequestLoginCodeForm({"email": email})
        if form.is_valid():
            self.user = form._user  # noqa: SLF001  the name that allauth's own form gives it
        for error in form.errors.get("email", []):
            self.add_error("login", error)
        cleaned: dict[str, Any] = self.cleaned_data
        return cleaned


class SignupForm(ParallelSignUp, CodeByMail, allauth_forms.SignupForm):
    """Sign up with an address; nothing else is asked."""


class ResetPasswordForm(CodeByMail, allauth_forms.ResetPasswordForm):
    """Ask for a code to set a new password with."""

    def clean_email(self) -> str:
        """Check the address, and make sure that typing the code will prove it."""
        email = super().clean_email()
        if not self.users:
            get_adapter().pretend_to_mail(email)
        for user in self.users:
            sync_user_email_address(user)
        return email


class AddEmailForm(CodeByMail, allauth_forms.AddEmailForm):
    """Ask for a code that proves a new address."""


def _an_address() -> str:
    """Return an address that nobody has or ever will."""
    return f"{secrets.token_hex(8)}@nobody.invalid"


def _never_proven(email: str) -> User | None:
    readers = User.objects.filter(email=email.lower(), is_active=True, last_login=None)
    return readers.exclude(emailaddress__verified=True).first()
