"""What a platform's database says, read past the platform."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from console.embedded import Home

AWAY = (psycopg.OperationalError, psycopg.InterfaceError)


class PlatformDatabase:
    """One connection to the embedded PostgreSQL of `home`, made anew when it broke; for one thread."""

    def __init__(self, home: Path) -> None:
        self._home = Home(home)
        self._connection: psycopg.Connection[dict[str, Any]] | None = None

    def rows(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """Return what `statement` finds; psycopg's errors while the database is away."""
        try:
            if self._connection is None:
                self._connection = psycopg.connect(
                    self._home.database_url, autocommit=True, connect_timeout=3, row_factory=dict_row
                )
            cursor = self._connection.execute(statement, values)
            return cursor.fetchall() if cursor.description else []
        except AWAY:
            self.close()
            raise

    def one(self, statement: str, *values: Any) -> dict[str, Any]:
        [row] = self.rows(statement, *values)
        return row

    def close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):
                self._connection.close()
        self._connection = None
