from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0011_texts_into_messages'),
    ]

    operations = [
        # A default, so that the way back can make the column again.
        migrations.AlterField('jobevent', 'message', models.TextField(default='')),
        migrations.AlterField('finetuningjob', 'error_message', models.TextField(default='')),
        migrations.RemoveField('jobevent', 'message'),
        migrations.RemoveField('finetuningjob', 'error_message'),
        migrations.RenameField('jobevent', 'said', 'message'),
        migrations.RenameField('finetuningjob', 'error_said', 'error_message'),
    ]
