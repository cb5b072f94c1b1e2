import django.db.models.deletion
from django.db import migrations, models


def say_default_once(apps, schema_editor):
    """No pool is the default one, of deployments that named it as well."""
    apps.get_model("deployments", "Deployment").objects.filter(pool__name="default").update(pool=None)


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0010_maintenance"),
        ("deployments", "0006_pool"),
    ]

    operations = [
        migrations.AddField(
            "replica",
            "pool",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="compute.pool"
            ),
        ),
        migrations.RemoveConstraint("replica", "one_live_shared_replica_per_model"),
        migrations.AddConstraint(
            "replica",
            models.UniqueConstraint(
                condition=models.Q(("deployment", None), ("ended_at", None)),
                fields=("base_model", "full_model", "pool"),
                name="one_live_shared_replica_per_model_and_pool",
                nulls_distinct=False,
            ),
        ),
        migrations.RunPython(say_default_once, migrations.RunPython.noop),
    ]
