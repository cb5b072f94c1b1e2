from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0004_finish'),
    ]

    operations = [
        migrations.AddField(
            model_name='finetuningjob',
            name='preparing_at',
            field=models.DateTimeField(null=True),
        ),
    ]
