"""What was stored as English text becomes a code with its parameters; a text that nobody knows stays as written.

Events may be millions: they are walked by their keys, the sentences of every step by one statement a stretch. Each
statement is a transaction of its own, and what is done is not done again when the migration is.
"""

import json

from django.db import migrations

from jobs.migrations._said_before import message_of
from wording import Message

AT_ONCE = 10_000
STEP = r'^Step ([0-9]+) of ([0-9]+): loss (-?[0-9]+\.[0-9]+)\.$'
OFTEN = """
    UPDATE jobs_jobevent SET said = jsonb_build_object('code', 'step_done', 'params', jsonb_build_object(
        'step', (regexp_match(message, %s))[1]::bigint,
        'total', (regexp_match(message, %s))[2]::bigint,
        'loss', (regexp_match(message, %s))[3]::float8
    ))
    WHERE id > %s AND id <= %s AND said IS NULL AND message ~ %s
"""


def to_messages(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for first, last in _stretches(cursor, 'jobs_jobevent'):
            cursor.execute(OFTEN, [STEP, STEP, STEP, first, last, STEP])
            _fill(cursor, 'jobs_jobevent', 'message', 'said', first, last)
        for first, last in _stretches(cursor, 'jobs_finetuningjob'):
            _fill(cursor, 'jobs_finetuningjob', 'error_message', 'error_said', first, last)


def to_texts(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        for table, text, said in (
            ('jobs_jobevent', 'message', 'said'),
            ('jobs_finetuningjob', 'error_message', 'error_said'),
        ):
            for first, last in _stretches(cursor, table):
                cursor.execute(
                    f"SELECT id, {said} FROM {table} WHERE id > %s AND id <= %s AND {said} IS NOT NULL", [first, last]
                )
                rows = [{'id': key, 'new': str(Message.restored(_parsed(body)))} for key, body in cursor.fetchall()]
                _update(cursor, table, text, 'text', rows)


def _stretches(cursor, table):
    """Yield (key before, last key) of every AT_ONCE rows."""
    last = ''
    while True:
        cursor.execute(f"SELECT id FROM {table} WHERE id > %s ORDER BY id OFFSET %s LIMIT 1", [last, AT_ONCE - 1])
        found = cursor.fetchone()
        if found is None:
            cursor.execute(f"SELECT max(id) FROM {table} WHERE id > %s", [last])
            found = cursor.fetchone()
            if found[0] is not None:
                yield last, found[0]
            return
        yield last, found[0]
        last = found[0]


def _fill(cursor, table, text, said, first, last):
    cursor.execute(
        f"SELECT id, {text} FROM {table} WHERE id > %s AND id <= %s AND {said} IS NULL AND {text} <> ''", [first, last]
    )
    rows = [{'id': key, 'new': message_of(value)} for key, value in cursor.fetchall()]
    _update(cursor, table, said, 'jsonb', rows)


def _update(cursor, table, column, kind, rows):
    if rows:
        cursor.execute(
            f"UPDATE {table} SET {column} = found.new FROM jsonb_to_recordset(%s::jsonb) AS found(id text, new {kind})"
            f" WHERE {table}.id = found.id",
            [json.dumps(rows)],
        )


def _parsed(body):
    return json.loads(body) if isinstance(body, str) else body


class Migration(migrations.Migration):

    atomic = False

    dependencies = [
        ('jobs', '0010_messages_beside_texts'),
    ]

    operations = [
        migrations.RunPython(to_messages, to_texts),
    ]
