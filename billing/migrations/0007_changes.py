"""Let an attempt also be one that the card on file pays, after its amount was shown."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Add what was agreed to; the attempts of before led to Checkout."""

    dependencies = [("billing", "0006_revenue")]

    operations = [
        migrations.AddField(
            "checkoutattempt",
            "kind",
            models.CharField(
                choices=[
                    ("checkout", "at Checkout"),
                    ("change", "another plan, with the card on file"),
                    ("return", "the subscription again, with the card on file"),
                ],
                default="checkout",
                max_length=10,
            ),
        ),
        migrations.AddField(
            "checkoutattempt",
            "subscription",
            models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="agreements",
                to="billing.subscription",
            ),
        ),
        migrations.AddField(
            "checkoutattempt",
            "shown_at",
            models.DateTimeField(
                blank=True, null=True, help_text="When the amount was shown; prorations count from here."
            ),
        ),
        migrations.AddField(
            "checkoutattempt",
            "amount",
            models.BigIntegerField(blank=True, null=True, help_text="What was shown, in minor units."),
        ),
        migrations.AddField(
            "checkoutattempt",
            "asked_at",
            models.DateTimeField(
                blank=True,
                null=True,
                help_text="When Stripe was asked; until it is closed, the outcome is open.",
            ),
        ),
        migrations.AddField(
            "checkoutattempt",
            "refusal",
            models.CharField(blank=True, max_length=80, help_text="Why the card did not pay."),
        ),
        migrations.AlterField(
            "checkoutattempt", "return_url", models.URLField(blank=True, max_length=1000)
        ),
    ]
