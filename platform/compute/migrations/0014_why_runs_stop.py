from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("compute", "0013_coarse_forecasts")]

    operations = [
        migrations.AlterField(
            "run",
            "stop_reason",
            models.CharField(
                blank=True,
                max_length=10,
                choices=[
                    ("cancel", "cancelled"),
                    ("pause", "paused"),
                    ("drain", "its node takes no work"),
                    ("yield", "gave way to waiting work"),
                    ("expire", "no longer needed"),
                    ("preempt", "gave back what another team is guaranteed"),
                    ("limit", "ran as long as it may"),
                    ("hours", "its team has no accelerator-hours left"),
                    ("by_admin", "preempted by an administrator"),
                ],
            ),
        ),
    ]
