"""Addresses of this app: the access API, what edges need, and a page for readers of institutions."""

from __future__ import annotations

from django.urls import path

from paywall.views import access, articles, desk, edges, gifts, pages

app_name = "paywall"

urlpatterns = [
    path("api/v1/articles", articles.ArticleListView.as_view(), name="articles"),
    path("api/v1/articles/<slug:article_id>", articles.ArticleView.as_view(), name="article"),
    path("api/v1/articles/<slug:article_id>/access", access.AccessView.as_view(), name="access"),
    path("api/v1/articles/<slug:article_id>/read", access.ReadView.as_view(), name="read"),
    path("api/v1/articles/<slug:article_id>/explain", desk.ExplainView.as_view(), name="explain"),
    path(
        "api/v1/articles/<slug:article_id>/perspectives", desk.PerspectivesView.as_view(), name="perspectives"
    ),
    path("api/v1/articles/<slug:article_id>/timeline", desk.TimelineView.as_view(), name="timeline"),
    path("api/v1/articles/<slug:article_id>/markup", articles.MarkupView.as_view(), name="markup"),
    path("api/v1/articles/<slug:article_id>/gifts", gifts.GiveView.as_view(), name="give"),
    path("api/v1/gifts", gifts.GiftsView.as_view(), name="gifts"),
    path("api/v1/gifts/<slug:gift_id>", gifts.GiftView.as_view(), name="gift"),
    path("api/v1/access", access.BatchView.as_view(), name="batch"),
    path("api/v1/access/check", access.CheckView.as_view(), name="check"),
    path("api/v1/access/token", edges.TokenView.as_view(), name="token"),
    path("api/v1/access/epochs", edges.FeedView.as_view(), name="epochs"),
    path(".well-known/jwks.json", edges.key_set, name="jwks"),
    path("account/institution/", pages.InstitutionPage.as_view(), name="institution"),
]
