"""Why a deployment, a replica or an adapter failed is a message from now on: a code with its parameters."""

import django.core.validators
from django.db import migrations, models

import common.message_field
from deployments.migrations._old_sentences import message_of
from wording import Message

COLUMNS = (('deployment', 'reason'), ('replica', 'failure'), ('replicaadapter', 'reason'))


def to_messages(apps, schema_editor):
    for model, column in COLUMNS:
        rows = apps.get_model('deployments', model)._base_manager
        for text in rows.exclude(**{column: ''}).values_list(column, flat=True).distinct():
            rows.filter(**{column: text}).update(**{f'{column}_message': Message.restored(message_of(text))})


def to_sentences(apps, schema_editor):
    for model, column in COLUMNS:
        rows = apps.get_model('deployments', model)._base_manager
        for row in rows.exclude(**{f'{column}_message': None}).only(f'{column}_message'):
            rows.filter(pk=row.pk).update(**{column: str(getattr(row, f'{column}_message'))})


def added(model, column):
    return migrations.AddField(model, f'{column}_message', common.message_field.MessageField())


class Migration(migrations.Migration):

    dependencies = [
        ('deployments', '0001_initial'),
    ]

    operations = [
        *(added(model, column) for model, column in COLUMNS),
        migrations.RunPython(to_messages, to_sentences),
        *(migrations.RemoveField(model, column) for model, column in COLUMNS),
        *(migrations.RenameField(model, f'{column}_message', column) for model, column in COLUMNS),
        migrations.AlterField('deployment', 'reason', common.message_field.MessageField(help_text='Why it failed.')),
        migrations.AlterField(
            'replica', 'failure', common.message_field.MessageField(help_text='Why it ended by itself.')
        ),
        migrations.AlterField(
            'deployment',
            'name',
            models.CharField(
                max_length=64, validators=[django.core.validators.RegexValidator('^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\\Z')]
            ),
        ),
    ]
