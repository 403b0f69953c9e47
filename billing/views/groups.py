"""The pages of groups and families: the owner's, and the one on which an invitation is accepted.

Looking spends nothing, so that a mail scanner which follows the link takes no seat; a signed-in reader's POST does.
"""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import clock
from accounts.models import User
from billing import groups, invitations, links, rosters
from billing.errors import GroupRefused, InvitationGone, NothingToDo
from billing.views import ways


class InvitationForm(forms.Form):
    """Whom to invite."""

    email = forms.EmailField(max_length=254)
    subscription = forms.CharField(max_length=20, required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def group(request: HttpRequest) -> HttpResponse:
    """Show who reads by the owner's subscription; on POST invite somebody, or send an invitation anew."""
    owner = ways.reader(request)
    if request.method == "POST":
        return _invite(request, owner)
    owned = rosters.of(owner, now=clock.now())
    if not owned:
        return ways.say(request, _("You have no subscription for several people."), links.account())
    return render(request, "billing/group.html", {"rosters": owned})


@require_POST
@login_required
def remove(request: HttpRequest) -> HttpResponse:
    """Take a place back from a member, or an invitation from an address."""
    try:
        groups.remove(ways.reader(request), request.POST.get("seat", ""), now=clock.now())
    except NothingToDo as nothing:
        return ways.say(request, str(nothing), links.group())
    return ways.say(request, _("The place is free again."), links.group(), level=messages.SUCCESS)


@require_POST
@login_required
def leave(request: HttpRequest) -> HttpResponse:
    """Give up a place in somebody's group."""
    try:
        groups.leave(ways.reader(request), request.POST.get("seat", ""), now=clock.now())
    except NothingToDo as nothing:
        return ways.say(request, str(nothing), links.account())
    return ways.say(request, _("You have left the group."), links.account(), level=messages.SUCCESS)


@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Show what an invitation offers; on POST a signed-in reader takes it."""
    token = (request.POST if request.method == "POST" else request.GET).get("token", "")
    try:
        answer = _accept(request, token) if request.method == "POST" else _offer(request, token)
    except InvitationGone as gone:
        answer = render(request, "billing/join.html", {"gone": str(gone)}, status=HTTPStatus.NOT_FOUND)
    return ways.private(answer)


def _offer(request: HttpRequest, token: str) -> HttpResponse:
    seat = groups.offer(token, now=clock.now())
    if seat.member_id is not None:
        if seat.member == request.user:
            return ways.see_other(links.account())
        raise InvitationGone(_("This invitation was used already. Please ask for a new one."))
    back = _back_to(token)
    context = {
        "token": token,
        "group": invitations.group_name(seat.subscription),
        "product_names": invitations.product_names(seat.subscription),
        "expires_at": seat.expires_at,
        "log_in_url": f"{reverse('account_login')}?{back}",
        "sign_up_url": f"{reverse('account_signup')}?{back}",
    }
    return render(request, "billing/join.html", context)


def _accept(request: HttpRequest, token: str) -> HttpResponse:
    if not request.user.is_authenticated:
        groups.offer(token, now=clock.now())
        return ways.see_other(f"{reverse('account_login')}?{_back_to(token)}")
    try:
        groups.accept(ways.reader(request), token, now=clock.now())
    except GroupRefused as refusal:
        return ways.say(request, str(refusal), links.account(), level=messages.ERROR)
    return ways.say(request, _("Welcome: the place is yours."), links.account(), level=messages.SUCCESS)


def _back_to(token: str) -> str:
    """Return what leads from signing in back to the invitation."""
    return urlencode({"next": f"{reverse('billing:join')}?{urlencode({'token': token})}"})


def _invite(request: HttpRequest, owner: User) -> HttpResponse:
    form = InvitationForm(request.POST)
    if not form.is_valid():
        return ways.say(request, _("Please type one e-mail address."), links.group(), level=messages.ERROR)
    email = form.cleaned_data["email"]
    try:
        groups.invite(owner, email, subscription=form.cleaned_data["subscription"], now=clock.now())
    except (GroupRefused, NothingToDo) as refusal:
        return ways.say(request, str(refusal), links.group(), level=messages.ERROR)
    text = _("An invitation is on its way to %(email)s.") % {"email": email}
    return ways.say(request, text, links.group(), level=messages.SUCCESS)
