import django.db.models.deletion
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):

    dependencies = [
        ("billing", "0005_catalogue"),
    ]

    operations = [
        migrations.AddField(
            model_name='subscription',
            name='trial_starts_at',
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name='BilledTime',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('monthly', models.BigIntegerField(help_text='Minor units a month, less discounts and taxes.')),
                ('currency', models.CharField(max_length=3)),
                ('subscription', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='billed_times', to='billing.subscription')),
            ],
            options={
                'verbose_name': 'billed time',
                'verbose_name_plural': 'billed times',
                'ordering': ('-starts_at', '-pk'),
                'indexes': [models.Index(fields=['ends_at', 'starts_at'], name='billed_time_span')],
                'constraints': [
                    models.UniqueConstraint(fields=('subscription', 'starts_at'), name='billed_time_starts_once'),
                    models.CheckConstraint(condition=Q(('ends_at__gt', F('starts_at'))), name='billed_time_takes_time'),
                ],
            },
        ),
    ]
