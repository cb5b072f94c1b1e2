from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("jobs", "0018_early_finish_codes")]

    operations = [
        migrations.AddIndex("jobevent", models.Index(fields=["job", "type", "number"], name="event_type")),
    ]
