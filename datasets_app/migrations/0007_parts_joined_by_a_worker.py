from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets_app", "0006_leftover")]

    operations = [
        migrations.AddField(
            model_name="upload", name="md5", field=models.CharField(blank=True, default="", max_length=100),
            preserve_default=False,
        ),
        migrations.AddField(
            model_name="uploadpart", name="place", field=models.PositiveIntegerField(null=True)
        ),
    ]
