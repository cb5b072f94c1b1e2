from django.db import migrations


class Migration(migrations.Migration):
    # Deployments refer to the old name in migrations of theirs.
    dependencies = [("jobs", "0012_messages_alone"), ("deployments", "0002_reasons_as_messages")]

    operations = [migrations.RenameModel("Adapter", "TunedModel")]
