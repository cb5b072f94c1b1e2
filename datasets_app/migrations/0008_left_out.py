from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets_app", "0007_parts_joined_by_a_worker")]

    operations = [migrations.AddField(model_name="trainingfile", name="left_out", field=models.JSONField(default=list))]
