import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0010_maintenance"),
        ("deployments", "0005_names_that_breathe"),
    ]

    operations = [
        migrations.AddField(
            "deployment",
            "pool",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="compute.pool"
            ),
        ),
    ]
