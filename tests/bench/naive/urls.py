"""The one address."""

from __future__ import annotations

from django.urls import path

from tests.bench.naive.views import AccessView

urlpatterns = [path("articles/<slug:slug>/access", AccessView.as_view())]
