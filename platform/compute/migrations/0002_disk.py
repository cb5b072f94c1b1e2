from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compute", "0001_initial")]

    operations = [
        migrations.AddField("node", "disk", models.JSONField(default=dict)),
        migrations.AddField("node", "disk_at", models.DateTimeField(null=True)),
    ]
