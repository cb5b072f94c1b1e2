"""A pool with quotas of guarantee and ceiling, and a place in line for each Run: what a team might hold is its ceiling."""

import compute.models.shares
import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models
from django.db.models import F

DEFAULT = "default"
PRIORITIES = [(-1, "Low"), (0, "Normal"), (1, "High"), (2, "Urgent")]


def _pool(related_name, on_delete=django.db.models.deletion.PROTECT, **more):
    return models.ForeignKey("compute.pool", on_delete, related_name=related_name, **more)


def fill(apps, schema_editor):
    """Make the one pool, and put into it what there is; a Run's place in line is the one that it had."""
    schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # a table with checks left to do cannot be altered
    pool, _ = apps.get_model("compute", "Pool").objects.get_or_create(name=DEFAULT)
    for model in ("Node", "Quota", "Run"):
        apps.get_model("compute", model).objects.update(pool=pool)
    runs = apps.get_model("compute", "Run").objects
    runs.update(queued_at=F("created_at"))
    runs.filter(kind="serving").update(preemptible=False)
    runs.filter(priority__lt=-1).update(priority=-1)
    runs.filter(priority__gt=2).update(priority=2)


def keep_what_a_ceiling_says(apps, schema_editor):
    """Before there were pools, a quota was one number for each team."""
    quotas = apps.get_model("compute", "Quota").objects
    quotas.exclude(pool__name=DEFAULT).delete()
    quotas.filter(ceiling=None).delete()


class Migration(migrations.Migration):
    dependencies = [
        ("compute", "0005_forecasts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Pool",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.SlugField(max_length=60, unique=True)),
                ("title", models.CharField(blank=True, max_length=100)),
                ("launcher", models.CharField(default="local", max_length=20)),
                (
                    "overcommit",
                    models.BooleanField(
                        default=False, help_text="Guarantees may add up to more accelerators than there are."
                    ),
                ),
            ],
        ),
        migrations.AddField("node", "pool", _pool("nodes", null=True)),
        migrations.AddField("quota", "pool", _pool("quotas", django.db.models.deletion.CASCADE, null=True)),
        migrations.AddField("run", "pool", _pool("runs", null=True)),
        migrations.AddField(
            "run",
            "user",
            models.ForeignKey(
                settings.AUTH_USER_MODEL, django.db.models.deletion.SET_NULL, null=True, related_name="+"
            ),
        ),
        migrations.AddField("run", "queued_at", models.DateTimeField(default=django.utils.timezone.now)),
        migrations.AddField("run", "preemptible", models.BooleanField(default=True)),
        migrations.AddField("run", "min_accelerators", models.PositiveIntegerField(null=True)),
        migrations.AddField("run", "max_seconds", models.PositiveIntegerField(null=True)),
        migrations.AlterField("run", "priority", models.IntegerField(choices=PRIORITIES, default=0)),
        migrations.RenameField("quota", "accelerators", "ceiling"),
        migrations.AlterField(
            "quota", "ceiling", models.PositiveIntegerField(blank=True, null=True, verbose_name="ceiling")
        ),
        migrations.AddField("quota", "guaranteed", models.PositiveIntegerField(default=0, verbose_name="guaranteed")),
        migrations.AddField(
            "quota",
            "accelerator_hours",
            models.PositiveIntegerField(blank=True, null=True, verbose_name="accelerator-hours a month"),
        ),
        migrations.AddField(
            "quota",
            "per_user",
            models.PositiveIntegerField(blank=True, null=True, verbose_name="most at once per person"),
        ),
        migrations.AddField(
            "quota",
            "longest_run_seconds",
            models.PositiveIntegerField(blank=True, null=True, verbose_name="longest run in seconds"),
        ),
        migrations.AlterField(
            "quota",
            "team",
            models.ForeignKey("accounts.team", django.db.models.deletion.CASCADE, related_name="quotas"),
        ),
        migrations.RunPython(fill, keep_what_a_ceiling_says),
        # Not null first and the default afterwards: the default asks for a row of the newest Pool.
        migrations.AlterField("node", "pool", _pool("nodes")),
        migrations.AlterField("quota", "pool", _pool("quotas", django.db.models.deletion.CASCADE)),
        migrations.AlterField("run", "pool", _pool("runs")),
        migrations.AlterField("node", "pool", _pool("nodes", default=compute.models.shares.default_pool)),
        migrations.AlterField(
            "quota",
            "pool",
            _pool("quotas", django.db.models.deletion.CASCADE, default=compute.models.shares.default_pool),
        ),
        migrations.AlterField("run", "pool", _pool("runs", default=compute.models.shares.default_pool)),
        migrations.AddConstraint(
            "quota", models.UniqueConstraint(fields=["team", "pool"], name="one_quota_per_team_and_pool")
        ),
        migrations.RemoveIndex("run", "run_queue"),
        migrations.AddIndex("run", models.Index(fields=["state", "-priority", "queued_at"], name="run_queue")),
    ]
