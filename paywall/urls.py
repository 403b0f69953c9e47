"""Addresses of this app: the access API, what edges need, and a page for readers of institutions."""

from __future__ import annotations

from django.urls import path

from paywall import edges, pages, views

app_name = "paywall"

urlpatterns = [
    path("api/v1/articles", views.ArticleListView.as_view(), name="articles"),
    path("api/v1/articles/<slug:article_id>", views.ArticleView.as_view(), name="article"),
    path("api/v1/articles/<slug:article_id>/access", views.AccessView.as_view(), name="access"),
    path("api/v1/articles/<slug:article_id>/read", views.ReadView.as_view(), name="read"),
    path("api/v1/articles/<slug:article_id>/explain", views.ExplainView.as_view(), name="explain"),
    path("api/v1/articles/<slug:article_id>/markup", views.MarkupView.as_view(), name="markup"),
    path("api/v1/articles/<slug:article_id>/gifts", views.GiveView.as_view(), name="give"),
    path("api/v1/gifts", views.GiftsView.as_view(), name="gifts"),
    path("api/v1/gifts/<slug:gift_id>", views.GiftView.as_view(), name="gift"),
    path("api/v1/access", views.BatchView.as_view(), name="batch"),
    path("api/v1/access/check", views.CheckView.as_view(), name="check"),
    path("api/v1/access/token", edges.TokenView.as_view(), name="token"),
    path("api/v1/access/epochs", edges.FeedView.as_view(), name="epochs"),
    path(".well-known/jwks.json", edges.key_set, name="jwks"),
    path("account/institution/", pages.InstitutionPage.as_view(), name="institution"),
]
