"""The public error table: what goes wrong, as RFC 9457 problem documents with a stable `code`.

A refusal to show an article is not an error and never comes through here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.response import Response

from accounts import errors as accounts
from billing import errors as billing
from paywall import errors as paywall

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
_RETRY_SOON = "5"


@dataclass(frozen=True, slots=True)
class Problem:
    """How one kind of failure is answered."""

    status: HTTPStatus
    code: str
    retry_after: str | None = None


# The first line that fits decides, so the particular stands before the general.
_TABLE: tuple[tuple[type[Exception], Problem], ...] = (
    (accounts.InvalidToken, Problem(HTTPStatus.UNAUTHORIZED, "invalid_token")),
    (accounts.ConflictingCredentials, Problem(HTTPStatus.BAD_REQUEST, "conflicting_credentials")),
    (accounts.ReaderUnknown, Problem(HTTPStatus.NOT_FOUND, "reader_unknown")),
    (accounts.AddressUnreadable, Problem(HTTPStatus.BAD_REQUEST, "address_unreadable")),
    (accounts.StaffStay, Problem(HTTPStatus.FORBIDDEN, "staff_stay")),
    (accounts.Busy, Problem(HTTPStatus.SERVICE_UNAVAILABLE, "busy", _RETRY_SOON)),
    (paywall.ArticleUnknown, Problem(HTTPStatus.NOT_FOUND, "article_unknown")),
    (paywall.ProductUnknown, Problem(HTTPStatus.BAD_REQUEST, "product_unknown")),
    (paywall.RulesMissing, Problem(HTTPStatus.BAD_REQUEST, "rules_missing")),
    (paywall.GiftsOff, Problem(HTTPStatus.CONFLICT, "gifts_off")),
    (paywall.GiftNotYours, Problem(HTTPStatus.CONFLICT, "gift_not_yours_to_give")),
    (paywall.GiftQuotaUsed, Problem(HTTPStatus.CONFLICT, "gift_quota_used")),
    (paywall.GiftUnknown, Problem(HTTPStatus.NOT_FOUND, "gift_unknown")),
    (paywall.RulesRefused, Problem(HTTPStatus.CONFLICT, "rules_refused")),
    (paywall.AccountBlocked, Problem(HTTPStatus.FORBIDDEN, "account_blocked")),
    (paywall.SiteUnknown, Problem(HTTPStatus.BAD_REQUEST, "site_unknown")),
    (paywall.SigningKeyUnknown, Problem(HTTPStatus.NOT_FOUND, "signing_key_unknown")),
    (billing.StripeTrouble, Problem(HTTPStatus.SERVICE_UNAVAILABLE, "stripe_unavailable", _RETRY_SOON)),
    (billing.CardRefused, Problem(HTTPStatus.CONFLICT, "card_refused")),
    (billing.StripeRefused, Problem(HTTPStatus.CONFLICT, "stripe_refused")),
    (billing.WebhookRefused, Problem(HTTPStatus.BAD_REQUEST, "webhook_refused")),
    (billing.NotOnSale, Problem(HTTPStatus.BAD_REQUEST, "price_not_on_sale")),
    (billing.CodeRefused, Problem(HTTPStatus.BAD_REQUEST, "code_refused")),
    (billing.StatementRefused, Problem(HTTPStatus.BAD_REQUEST, "statement_refused")),
    (billing.AlreadySubscribed, Problem(HTTPStatus.CONFLICT, "already_subscribed")),
    (billing.PassRunning, Problem(HTTPStatus.CONFLICT, "pass_running")),
    (billing.PaymentWaiting, Problem(HTTPStatus.CONFLICT, "payment_waiting")),
    (billing.RefundRefused, Problem(HTTPStatus.CONFLICT, "refund_refused")),
    (billing.CurrencyLocked, Problem(HTTPStatus.CONFLICT, "currency_locked")),
    (billing.LinkRefused, Problem(HTTPStatus.NOT_FOUND, "link_refused")),
    (billing.OtherMode, Problem(HTTPStatus.SERVICE_UNAVAILABLE, "stripe_other_mode")),
    (billing.MergeRefused, Problem(HTTPStatus.CONFLICT, "merge_refused")),
    (billing.NotPossible, Problem(HTTPStatus.CONFLICT, "not_possible")),
    (billing.AmountOutdated, Problem(HTTPStatus.CONFLICT, "amount_outdated")),
    (billing.CardOnFileRefused, Problem(HTTPStatus.CONFLICT, "card_on_file_refused")),
    (billing.GroupFull, Problem(HTTPStatus.CONFLICT, "group_full")),
    (billing.GroupRefused, Problem(HTTPStatus.CONFLICT, "group_refused")),
    (billing.InvitationGone, Problem(HTTPStatus.NOT_FOUND, "invitation_gone")),
    (billing.GiftCodeRefused, Problem(HTTPStatus.CONFLICT, "gift_code_refused")),
    (billing.PresentRefused, Problem(HTTPStatus.CONFLICT, "gift_refused")),
    (billing.CompRefused, Problem(HTTPStatus.BAD_REQUEST, "comp_refused")),
    (billing.NothingToDo, Problem(HTTPStatus.CONFLICT, "nothing_to_do")),
    (OperationalError, Problem(HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable", _RETRY_SOON)),
    (InterfaceError, Problem(HTTPStatus.SERVICE_UNAVAILABLE, "database_unavailable", _RETRY_SOON)),
    (RequestDataTooBig, Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large")),
    (Http404, Problem(HTTPStatus.NOT_FOUND, "not_found")),
    (PermissionDenied, Problem(HTTPStatus.FORBIDDEN, "forbidden")),
    (exceptions.ParseError, Problem(HTTPStatus.BAD_REQUEST, "malformed")),
    (exceptions.ValidationError, Problem(HTTPStatus.BAD_REQUEST, "invalid")),
    (exceptions.AuthenticationFailed, Problem(HTTPStatus.UNAUTHORIZED, "invalid_token")),
    (exceptions.NotAuthenticated, Problem(HTTPStatus.UNAUTHORIZED, "not_authenticated")),
    (exceptions.PermissionDenied, Problem(HTTPStatus.FORBIDDEN, "forbidden")),
    (exceptions.NotFound, Problem(HTTPStatus.NOT_FOUND, "not_found")),
    (exceptions.MethodNotAllowed, Problem(HTTPStatus.METHOD_NOT_ALLOWED, "method_not_allowed")),
    (exceptions.NotAcceptable, Problem(HTTPStatus.NOT_ACCEPTABLE, "not_acceptable")),
    (exceptions.UnsupportedMediaType, Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")),
    (exceptions.Throttled, Problem(HTTPStatus.TOO_MANY_REQUESTS, "too_many_requests")),
)


def document(status: HTTPStatus, *, code: str, detail: str = "", **extensions: Any) -> dict[str, Any]:
    """Return the body of a problem answer; `extensions` with a value are added as they are."""
    return {
        "type": f"urn:paywall:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        **{name: value for name, value in extensions.items() if value},
    }


def response(
    status: HTTPStatus, *, code: str, detail: str = "", retry_after: str | None = None, **extensions: Any
) -> HttpResponse:
    """Return a problem as a plain Django response, for places outside of the API framework."""
    answer = JsonResponse(
        document(status, code=code, detail=detail, **extensions), status=status, content_type=CONTENT_TYPE
    )
    if retry_after:
        answer["Retry-After"] = retry_after
    return answer


def handler(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Turn an expected failure into a problem answer; None leaves a surprise to `server_error`."""
    problem = _problem_of(error)
    if problem is None:
        return None
    body = document(
        problem.status,
        code=_code(error, problem),
        detail=_detail(error),
        errors=_field_errors(error),
        remedies=list(getattr(error, "remedies", ())),
    )
    return Response(body, status=problem.status, headers=_headers(error, problem), content_type=CONTENT_TYPE)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a failed CSRF check: a problem for the API, a page for people."""
    if _wants_json(request):
        return response(HTTPStatus.FORBIDDEN, code="csrf_failed")
    text = _(
        "This form was open for too long or came from another site. Go back, reload the page and try again."
    )
    return render(
        request, "error.html", {"title": _("Please try again"), "text": text}, status=HTTPStatus.FORBIDDEN
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address that leads nowhere."""
    if _wants_json(request):
        return response(HTTPStatus.NOT_FOUND, code="not_found")
    context = {"title": _("Not found"), "text": _("There is no page at this address.")}
    return render(request, "error.html", context, status=HTTPStatus.NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer a surprise, without a word of what it was; a lost database is 503, so that callers come back."""
    error = sys.exc_info()[1]
    problem = _problem_of(error) if isinstance(error, Exception) else None
    status = problem.status if problem else HTTPStatus.INTERNAL_SERVER_ERROR
    code = problem.code if problem else "internal_error"
    retry_after = problem.retry_after if problem else None
    if _wants_json(request):
        return response(status, code=code, retry_after=retry_after)
    text = _("Something went wrong on our side. It has been noted. Please try again in a moment.")
    answer = HttpResponse(f"<!doctype html><title>{status.phrase}</title><p>{text}</p>", status=status)
    if retry_after:
        answer["Retry-After"] = retry_after
    return answer


def _problem_of(error: Exception | None) -> Problem | None:
    return next((problem for kind, problem in _TABLE if isinstance(error, kind)), None)


def _code(error: Exception, problem: Problem) -> str:
    if isinstance(error, exceptions.PermissionDenied) and str(error.detail).startswith("CSRF"):
        return "csrf_failed"
    return problem.code


def _detail(error: Exception) -> str:
    if isinstance(error, exceptions.ValidationError):
        return _("Some fields are not right.")
    if isinstance(error, exceptions.APIException):
        return str(error.detail)
    if isinstance(error, OperationalError | InterfaceError | Http404):
        return ""
    return str(error)


def _field_errors(error: Exception) -> dict[str, Any]:
    if not isinstance(error, exceptions.ValidationError):
        return {}
    return dict(error.detail) if isinstance(error.detail, dict) else {"": error.detail}


def _headers(error: Exception, problem: Problem) -> dict[str, str]:
    headers: dict[str, str] = {}
    if problem.retry_after:
        headers["Retry-After"] = problem.retry_after
    wait = getattr(error, "wait", None)  # of Throttled, in seconds
    if wait is not None:
        headers["Retry-After"] = str(max(1, round(wait)))
    challenge = getattr(error, "auth_header", None)
    if challenge:
        headers["WWW-Authenticate"] = challenge
    elif problem.status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Bearer realm="paywall"'
    return headers


def _wants_json(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/_allauth/", "/stripe/", "/health/"))
