import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0010_maintenance"),
        ("jobs", "0015_early_finish"),
    ]

    operations = [
        migrations.AddField(
            "finetuningjob",
            "pool",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="compute.pool"
            ),
        ),
    ]
