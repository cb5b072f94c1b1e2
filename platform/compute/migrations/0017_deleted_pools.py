from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compute", "0016_trace")]

    operations = [migrations.AddField("pool", "deleted_at", models.DateTimeField(editable=False, null=True))]
