import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_team_storage"), ("compute", "0007_hours_notices")]

    operations = [
        migrations.CreateModel(
            name="TeamUsage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("decayed", models.FloatField()),
                ("at", models.DateTimeField()),
                (
                    "pool",
                    models.ForeignKey("compute.pool", django.db.models.deletion.CASCADE, related_name="+"),
                ),
                (
                    "team",
                    models.ForeignKey("accounts.team", django.db.models.deletion.CASCADE, related_name="+"),
                ),
            ],
        ),
        migrations.AddConstraint(
            "teamusage", models.UniqueConstraint(fields=["team", "pool"], name="one_usage_per_team_and_pool")
        ),
        migrations.AddField("run", "kept_accelerators", models.PositiveIntegerField(null=True)),
        migrations.AlterField(
            "run",
            "stop_reason",
            models.CharField(
                blank=True,
                choices=[
                    ("cancel", "cancelled"),
                    ("pause", "paused"),
                    ("drain", "the platform is stopping"),
                    ("yield", "gave way to waiting work"),
                    ("expire", "no longer needed"),
                    ("preempt", "gave back what another team is guaranteed"),
                    ("limit", "ran as long as it may"),
                    ("hours", "its team has no accelerator-hours left"),
                ],
                max_length=10,
            ),
        ),
    ]
