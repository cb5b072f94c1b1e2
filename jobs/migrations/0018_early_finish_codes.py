from django.db import migrations

CODES = {"finishing_requested": "early_finish_requested", "finishing_queued": "early_finish_queued"}
RENAMED = "UPDATE jobs_jobevent SET message = jsonb_set(message, '{code}', to_jsonb(%s::text)) WHERE message->>'code' = %s"


def rename(apps, schema_editor):
    _rename(schema_editor, CODES.items())


def rename_back(apps, schema_editor):
    _rename(schema_editor, [(new, old) for old, new in CODES.items()])


def _rename(schema_editor, pairs):
    with schema_editor.connection.cursor() as cursor:
        for old, new in pairs:
            cursor.execute(RENAMED, [new, old])


class Migration(migrations.Migration):
    dependencies = [("jobs", "0017_name")]
    operations = [migrations.RunPython(rename, rename_back)]
