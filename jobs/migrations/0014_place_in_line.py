"""The place in line is the job's; one that was queued before keeps the time of its first attempt's Run."""

from django.db import migrations, models
from django.db.models import OuterRef, Subquery


def fill(apps, schema_editor):
    first = apps.get_model("jobs", "Attempt").objects.filter(job=OuterRef("pk")).order_by("number")
    jobs = apps.get_model("jobs", "FineTuningJob").objects
    jobs.update(queued_at=Subquery(first.values("run__created_at")[:1]))
    for job in jobs.exclude(queued_at=None).exclude(status__in=["succeeded", "failed", "cancelled"]).iterator():
        runs = apps.get_model("compute", "Run").objects.filter(attempt__job=job, state="waiting")
        runs.update(queued_at=job.queued_at, user=job.created_by_id)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0013_tuned_models"), ("compute", "0006_pools")]

    operations = [
        migrations.AddField(
            "finetuningjob",
            "priority",
            models.IntegerField(choices=[(-1, "Low"), (0, "Normal"), (1, "High"), (2, "Urgent")], default=0),
        ),
        migrations.AddField("finetuningjob", "queued_at", models.DateTimeField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
