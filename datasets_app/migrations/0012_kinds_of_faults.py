from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("datasets_app", "0011_checked_at")]
    operations = [migrations.RenameField("fault", "code", "kind")]
