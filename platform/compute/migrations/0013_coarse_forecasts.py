from django.db import migrations, models
from django.db.models import F


def _copy(apps, schema_editor):
    first = {"near_at": F("predicted_at"), "near_high": F("predicted_high"), "near_futures": F("futures")}
    apps.get_model("compute", "RunForecast").objects.update(**first)


class Migration(migrations.Migration):
    """Runs far back in line get a range as well, a coarse one; so far none was."""

    dependencies = [("compute", "0012_claimed_node")]

    operations = [
        migrations.AddField("runforecast", "is_coarse", models.BooleanField(default=False)),
        migrations.AddField("runforecast", "near_at", models.DateTimeField(null=True)),
        migrations.AddField("runforecast", "near_high", models.DateTimeField(null=True)),
        migrations.AddField("runforecast", "near_futures", models.JSONField(null=True)),
        migrations.RunPython(_copy, migrations.RunPython.noop),
    ]
