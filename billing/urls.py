"""Addresses of this app: the API, Stripe's webhook, the reader's own pages."""

from __future__ import annotations

from django.urls import path

from billing.views import api, pages, presents, webhook

app_name = "billing"

urlpatterns = [
    path("api/v1/plans", api.PlansView.as_view(), name="api-plans"),
    path("api/v1/checkout", api.CheckoutView.as_view(), name="api-checkout"),
    path("api/v1/subscription", api.SubscriptionView.as_view(), name="api-subscription"),
    path("api/v1/subscription/cancel", api.CancelView.as_view(), name="api-cancel"),
    path("api/v1/subscription/resume", api.ResumeView.as_view(), name="api-resume"),
    path("api/v1/gift-subscriptions/redeem", api.RedeemView.as_view(), name="api-redeem"),
    path("api/v1/card", api.CardView.as_view(), name="api-card"),
    path("api/v1/invoices", api.InvoicesView.as_view(), name="api-invoices"),
    path("stripe/webhook/", webhook.webhook, name="webhook"),
    path("account/", pages.subscription, name="subscription"),
    path("account/subscribe/", pages.subscribe, name="subscribe"),
    path("account/card/", pages.card, name="card"),
    path("account/cancel/", pages.cancel, name="cancel"),
    path("account/resume/", pages.resume, name="resume"),
    path("account/return/", pages.arrive, name="return"),
    path("account/redeem/", presents.redeem, name="redeem"),
    path("gift-subscription/", presents.give, name="give"),
    path("gift-subscription/<str:key>/", presents.show, name="present"),
    path("account/confirm-payment/", pages.confirm_payment, name="confirm-payment"),
]
