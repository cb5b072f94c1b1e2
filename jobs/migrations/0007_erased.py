from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0006_preparing")]

    operations = [
        migrations.AddField(model_name="adapter", name="erased_at", field=models.DateTimeField(null=True)),
    ]
