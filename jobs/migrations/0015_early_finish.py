from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("jobs", "0014_place_in_line")]
    operations = [migrations.RenameField("finetuningjob", "finish_requested_at", "early_finish_requested_at")]
