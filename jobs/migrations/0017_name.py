from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0016_pool")]

    operations = [
        migrations.AddField("finetuningjob", "name", models.CharField(blank=True, default="", max_length=120)),
    ]
