import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compute", "0011_concluding")]

    operations = [
        migrations.AddField(
            "run",
            "claimed_node",
            models.ForeignKey("compute.node", django.db.models.deletion.SET_NULL, null=True, related_name="+"),
        ),
    ]
