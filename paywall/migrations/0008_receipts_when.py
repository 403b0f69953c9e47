"""When a free read was recorded, and when it was counted for a reader as well."""

from django.db import migrations, models
from django.db.models import F


def _as_spent(apps, schema_editor):
    """Take what is not known for what it was in nearly every case: recorded, and merged, when it was spent."""
    reads = apps.get_model("paywall", "FreeRead").objects.using(schema_editor.connection.alias)
    reads.update(recorded_at=F("spent_at"))
    reads.exclude(merged_into=None).update(merged_at=F("spent_at"))


class Migration(migrations.Migration):
    dependencies = [("paywall", "0007_gifts")]

    operations = [
        migrations.AddField(
            model_name="freeread",
            name="recorded_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="freeread",
            name="merged_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="counted for a reader"),
        ),
        migrations.RunPython(_as_spent, migrations.RunPython.noop),
        migrations.RemoveField(model_name="freeread", name="merged_into"),
    ]
