from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0005_tokens_read'),
    ]

    operations = [
        migrations.AddField(
            model_name='finetuningjob',
            name='preparing_at',
            field=models.DateTimeField(null=True),
        ),
    ]
