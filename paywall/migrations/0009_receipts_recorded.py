"""Every free read was recorded at some moment. Apart from what fills the column: Postgres does not do both in one."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("paywall", "0008_receipts_when")]

    operations = [
        migrations.AlterField(
            model_name="freeread",
            name="recorded_at",
            field=models.DateTimeField(
                help_text="Later than spent where it was merged at sign-in.", verbose_name="recorded"
            ),
        ),
    ]
