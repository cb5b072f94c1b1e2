from django.db import migrations, models

STATES = ["waiting", "starting", "running", "concluding", "ended"]


def _rename(old: str, new: str):
    def rename(apps, schema_editor):
        apps.get_model("compute", "Run").objects.filter(state=old).update(state=new)

    return rename


class Migration(migrations.Migration):
    """A Run was "finishing" while what follows from its end was done; a job that is asked to end early is that, too."""

    dependencies = [("compute", "0010_maintenance")]
    operations = [
        migrations.AlterField(
            "run",
            "state",
            models.CharField(
                choices=[(state, state.capitalize()) for state in STATES], default="waiting", max_length=10
            ),
        ),
        migrations.RunPython(_rename("finishing", "concluding"), _rename("concluding", "finishing")),
    ]
