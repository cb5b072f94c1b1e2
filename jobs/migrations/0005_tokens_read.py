from django.db import migrations, models
from django.db.models import F


def carry_over(apps, schema_editor):
    """Until now `trained_tokens` counted all tokens that were read."""
    apps.get_model("jobs", "FineTuningJob").objects.filter(tokens=None).update(tokens=F("trained_tokens"))


class Migration(migrations.Migration):
    dependencies = [("jobs", "0004_finish")]

    operations = [
        migrations.AddField(model_name="finetuningjob", name="tokens", field=models.BigIntegerField(null=True)),
        migrations.RunPython(carry_over, migrations.RunPython.noop),
    ]
