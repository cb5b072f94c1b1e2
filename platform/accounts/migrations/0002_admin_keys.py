from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        migrations.AddField(model_name="apikey", name="is_admin", field=models.BooleanField(default=False)),
    ]
