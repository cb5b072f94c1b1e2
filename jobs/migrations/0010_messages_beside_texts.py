from django.db import migrations

import common.message_field


class Migration(migrations.Migration):

    dependencies = [
        ('jobs', '0009_reasons_as_messages'),
    ]

    operations = [
        migrations.AddField('jobevent', 'said', common.message_field.MessageField()),
        migrations.AddField('finetuningjob', 'error_said', common.message_field.MessageField()),
    ]
