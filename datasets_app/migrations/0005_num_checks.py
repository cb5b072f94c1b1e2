from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("datasets_app", "0004_recipe")]

    operations = [
        migrations.AddField(
            model_name="trainingfile", name="num_checks", field=models.PositiveSmallIntegerField(default=0)
        ),
    ]
