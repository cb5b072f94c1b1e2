from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_roles")]

    operations = [migrations.AddField("team", "storage_bytes", models.BigIntegerField(blank=True, null=True))]
