from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('accounts', '0002_dead_mails'),
    ]

    operations = [
        migrations.AlterField(
            model_name='mail',
            name='state',
            field=models.CharField(choices=[('queued', 'queued'), ('sent', 'sent'), ('dead', 'given up'), ('withdrawn', 'taken back')], default='queued', max_length=10),
        ),
    ]
