"""What a first version of a paywall keeps. Readers and sessions are Django's own."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import models


class Article(models.Model):
    """What is read."""

    slug = models.SlugField(max_length=120, unique=True)
    url = models.URLField()
    title = models.CharField(max_length=300)
    is_metered = models.BooleanField(default=False)
    body = models.TextField()

    def __str__(self) -> str:
        return self.title


class Subscription(models.Model):
    """What somebody pays for."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="subscriptions")
    status = models.CharField(max_length=20)
    ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.user_id}: {self.status}"


class FreeRead(models.Model):
    """What somebody has read for nothing."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="free_reads")
    article = models.ForeignKey(Article, on_delete=models.CASCADE)
    read_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=("user", "read_at"), name="naive_reads_of_a_user")]

    def __str__(self) -> str:
        return f"{self.user_id}: {self.article_id}"
