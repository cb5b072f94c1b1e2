from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("datasets_app", "0010_messages")]

    operations = [migrations.RenameField("trainingfile", "validated_at", "checked_at")]
