"""The whole database as files of rows, and back: by COPY, in one transaction each way.

Not by pg_dump: the image has none of PostgreSQL's programs, and one must be no older than the server it is used on.
The tables themselves come from the migrations that the copy names, so that an older copy is brought up to date by the
same steps as an older database.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import IO

from django.core.management import call_command
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from psycopg import sql

BLOCK = 2**20
MIGRATIONS = "django_migrations"
Columns = dict[str, list[str]]
"""Of each table, in their order."""


@contextmanager
def snapshot() -> Iterator[None]:
    """Look at the database as it is at this moment, whatever is written meanwhile."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def is_empty() -> bool:
    """Whether the database has no table."""
    with connection.cursor() as cursor:
        return not connection.introspection.table_names(cursor)


def migrations() -> list[list[str]]:
    """Return [app, name] of every migration that was applied."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT app, name FROM {MIGRATIONS} ORDER BY id")  # noqa: S608 - a constant
        return [[app, name] for app, name in cursor.fetchall()]


def columns() -> Columns:
    """Return every table that has rows of ours, with its columns."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_name, array_agg(c.column_name::text ORDER BY c.ordinal_position) "
            "FROM information_schema.columns c JOIN information_schema.tables t USING (table_schema, table_name) "
            "WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.is_generated = 'NEVER' "
            "AND c.table_name <> %s GROUP BY c.table_name ORDER BY c.table_name",
            [MIGRATIONS],
        )
        return dict(cursor.fetchall())


def write_table(table: str, names: list[str], stream: IO[bytes]) -> None:
    """Write a table's rows to `stream`, in COPY's text format."""
    query = sql.SQL("COPY {} ({}) TO STDOUT").format(sql.Identifier(table), _identifiers(names))
    with connection.cursor() as cursor, cursor.copy(query) as rows:
        for block in rows:
            stream.write(block)


def unknown_migrations(applied: list[list[str]]) -> list[str]:
    """Return those that this version of Luthier does not know."""
    known = MigrationExecutor(connection).loader.graph.nodes
    return [f"{app}.{name}" for app, name in applied if (app, name) not in known]


@transaction.atomic
def restore(applied: list[list[str]], tables: Columns, open_table: Callable[[str], IO[bytes]]) -> None:
    """Make the tables in an empty database, fill them, and bring them up to date: all of it, or nothing.

    One transaction, as whoever breaks it off may be the power supply. Foreign keys are looked at once all rows are
    there, and at once while tables are made and changed: PostgreSQL changes no table with a look still to come.
    """
    executor = MigrationExecutor(connection)
    _look_at_foreign_keys("IMMEDIATE")
    executor.migrate(_last(executor, applied))
    with connection.cursor() as cursor:
        # What migrations have put there by themselves is in the copy as well.
        cursor.execute(sql.SQL("TRUNCATE {} CASCADE").format(_identifiers(columns())))
        _look_at_foreign_keys("DEFERRED")
        for table, names in tables.items():
            query = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), _identifiers(names))
            with open_table(table) as stream, cursor.copy(query) as rows:
                while block := stream.read(BLOCK):
                    rows.write(block)
        _go_on_counting(tables)
    _look_at_foreign_keys("IMMEDIATE")
    call_command("migrate", verbosity=0, interactive=False)


def _look_at_foreign_keys(when: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET CONSTRAINTS ALL {when}")


def _last(executor: MigrationExecutor, applied: list[list[str]]) -> list[tuple[str, str]]:
    """Return those of the applied migrations that no other applied one builds on."""
    keys = {(app, name) for app, name in applied}
    nodes = executor.loader.graph.node_map
    return sorted(key for key in keys if not any(child.key in keys for child in nodes[key].children))


def _go_on_counting(tables: Columns) -> None:
    """Have every counter of ids go on behind the highest that there is."""
    with connection.cursor() as cursor:
        for table, names in tables.items():
            for name in names:
                cursor.execute("SELECT pg_get_serial_sequence(quote_ident(%s), %s)", [table, name])
                if (counter := cursor.fetchone()[0]) is not None:
                    highest = sql.SQL("SELECT setval({}, max({})) FROM {} HAVING max({}) IS NOT NULL")
                    column = sql.Identifier(name)
                    cursor.execute(highest.format(sql.Literal(counter), column, sql.Identifier(table), column))


def _identifiers(names: Iterable[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
