"""Addresses of this app: the access API."""

from __future__ import annotations

from django.urls import path

from paywall import views

app_name = "paywall"

urlpatterns = [
    path("api/v1/articles", views.ArticleListView.as_view(), name="articles"),
    path("api/v1/articles/<slug:article_id>", views.ArticleView.as_view(), name="article"),
    path("api/v1/articles/<slug:article_id>/access", views.AccessView.as_view(), name="access"),
    path("api/v1/articles/<slug:article_id>/read", views.ReadView.as_view(), name="read"),
    path("api/v1/articles/<slug:article_id>/explain", views.ExplainView.as_view(), name="explain"),
    path("api/v1/articles/<slug:article_id>/gifts", views.GiveView.as_view(), name="give"),
    path("api/v1/gifts", views.GiftsView.as_view(), name="gifts"),
    path("api/v1/gifts/<slug:gift_id>", views.GiftView.as_view(), name="gift"),
    path("api/v1/access", views.BatchView.as_view(), name="batch"),
    path("api/v1/access/check", views.CheckView.as_view(), name="check"),
]
