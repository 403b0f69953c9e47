"""Addresses of this app: the API, Stripe's webhook, the reader's own pages."""

from __future__ import annotations

from django.urls import path

from billing.views import (
    api,
    changes,
    coming_back,
    fix,
    groups,
    groups_api,
    invoices,
    pages,
    pauses,
    presents,
    webhook,
)

app_name = "billing"

urlpatterns = [
    path("api/v1/plans", api.PlansView.as_view(), name="api-plans"),
    path("api/v1/checkout", api.CheckoutView.as_view(), name="api-checkout"),
    path("api/v1/subscription", api.SubscriptionView.as_view(), name="api-subscription"),
    path("api/v1/subscription/cancel", api.CancelView.as_view(), name="api-cancel"),
    path("api/v1/subscription/resume", api.ResumeView.as_view(), name="api-resume"),
    path("api/v1/subscription/change", changes.ChangeView.as_view(), name="api-change"),
    path("api/v1/subscription/pause", pauses.PauseView.as_view(), name="api-pause"),
    path("api/v1/subscription/return", coming_back.ReturnView.as_view(), name="api-return"),
    path("api/v1/gift-subscriptions/redeem", api.RedeemView.as_view(), name="api-redeem"),
    path("api/v1/card", api.CardView.as_view(), name="api-card"),
    path("api/v1/invoices", api.InvoicesView.as_view(), name="api-invoices"),
    path("api/v1/group", groups_api.GroupView.as_view(), name="api-group"),
    path("api/v1/group/invitations", groups_api.InvitationsView.as_view(), name="api-group-invitations"),
    path("api/v1/group/places/<str:seat>", groups_api.PlaceView.as_view(), name="api-group-place"),
    path("api/v1/group/memberships", groups_api.MembershipsView.as_view(), name="api-group-memberships"),
    path(
        "api/v1/group/memberships/<str:seat>",
        groups_api.MembershipView.as_view(),
        name="api-group-membership",
    ),
    path("stripe/webhook/", webhook.webhook, name="webhook"),
    path("account/", pages.subscription, name="subscription"),
    path("account/invoices/", invoices.listing, name="invoices"),
    path("account/subscribe/", pages.subscribe, name="subscribe"),
    path("account/card/", pages.card, name="card"),
    path("account/cancel/", pages.cancel, name="cancel"),
    path("account/resume/", pauses.resume, name="resume"),
    path("account/change/", changes.change, name="change"),
    path("account/pause/", pauses.pause, name="pause"),
    path("account/come-back/", coming_back.come_back, name="come-back"),
    path("account/return/", pages.arrive, name="return"),
    path("account/fix/", fix.fix, name="fix"),
    path("account/fix/done/", fix.done, name="fixed"),
    path("account/group/", groups.group, name="group"),
    path("account/group/remove/", groups.remove, name="group-remove"),
    path("account/group/leave/", groups.leave, name="leave"),
    path("account/group/join/", groups.join, name="join"),
    path("account/redeem/", presents.redeem, name="redeem"),
    path("gift-subscription/", presents.give, name="give"),
    path("gift-subscription/given/", presents.show, name="present"),
    path("account/confirm-payment/", pages.confirm_payment, name="confirm-payment"),
]
