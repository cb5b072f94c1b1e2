import json
from typing import Any

from django.db import migrations, models

import common.message_field
from datasets_app.migrations._as_messages import message_of, verdict_of
from wording import Message

BATCH = 5000


def to_messages(apps: Any, schema_editor: Any) -> None:
    def faults(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [(pk, json.dumps(message_of(said)), json.dumps(message_of(hint)) if hint else None)
                for pk, said, hint in rows]  # fmt: skip

    def files(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [(pk, json.dumps(verdict_of(said)) if said else None) for pk, said in rows]

    _each(schema_editor.connection, "datasets_app_fault", "bigint", 0,
          {"message_text": "message", "hint_text": "hint"}, "jsonb", faults)  # fmt: skip
    _each(schema_editor.connection, "datasets_app_trainingfile", "text", "",
          {"status_details_text": "status_details"}, "jsonb", files)  # fmt: skip


def to_sentences(apps: Any, schema_editor: Any) -> None:
    def texts(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        return [(pk, *(_text(said) for said in stored)) for pk, *stored in rows]

    _each(schema_editor.connection, "datasets_app_fault", "bigint", 0,
          {"message": "message_text", "hint": "hint_text"}, "text", texts)  # fmt: skip
    _each(schema_editor.connection, "datasets_app_trainingfile", "text", "",
          {"status_details": "status_details_text"}, "text", texts)  # fmt: skip


def _text(stored: Any) -> str:
    body = json.loads(stored) if isinstance(stored, str) else stored
    return str(Message.restored(body)) if body else ""


def _each(connection: Any, table: str, key: str, first: Any, columns: dict[str, str], kind: str, change: Any) -> None:
    """Fill the new columns from the old ones, a batch of rows at a time."""
    names, last = list(columns.values()), first
    sets = ", ".join(f"{name} = found.{name}::{kind}" for name in names)
    arrays = ", ".join([f"%s::{key}[]", *(["%s::text[]"] * len(names))])
    update = (
        f"UPDATE {table} SET {sets} FROM unnest({arrays}) AS found(id, {', '.join(names)}) "  # noqa: S608 - no user's
        f"WHERE {table}.id = found.id"
    )
    with connection.cursor() as cursor:
        while True:
            cursor.execute(
                f"SELECT id, {', '.join(columns)} FROM {table} WHERE id > %s ORDER BY id LIMIT {BATCH}",  # noqa: S608
                [last],
            )
            if not (rows := cursor.fetchall()):
                return
            last = rows[-1][0]
            cursor.execute(update, [list(column) for column in zip(*change(rows), strict=True)])


class Migration(migrations.Migration):
    dependencies = [("datasets_app", "0009_mime_type_is_gone")]

    operations = [
        migrations.RenameField("fault", "message", "message_text"),
        migrations.AlterField("fault", "message_text", models.TextField(blank=True)),
        migrations.RenameField("fault", "hint", "hint_text"),
        migrations.RenameField("trainingfile", "status_details", "status_details_text"),
        migrations.AddField("fault", "message", common.message_field.MessageField(blank=True, null=True)),
        migrations.AddField("fault", "hint", common.message_field.MessageField(blank=True, null=True)),
        migrations.AddField("trainingfile", "status_details", common.message_field.MessageField(blank=True, null=True)),
        migrations.RunPython(to_messages, to_sentences),
        migrations.RemoveField("fault", "message_text"),
        migrations.RemoveField("fault", "hint_text"),
        migrations.RemoveField("trainingfile", "status_details_text"),
    ]
