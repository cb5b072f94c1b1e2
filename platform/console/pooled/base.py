"""Django's engine for PostgreSQL with its pool, and another way to find out that kept connections have broken.

psycopg_pool's own check waits a second after the second broken connection that a request comes by, and longer after
each further one; after a restart of the database all of them are broken.
"""

from typing import Any

from django.db.backends.postgresql import base
from psycopg import Connection, Error


class DatabaseWrapper(base.DatabaseWrapper):
    """Takes connections from the pool; where one is broken, all are looked at and those that are broken dropped."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        connection = super().get_new_connection(conn_params)
        if self.pool is None or _answers(connection):
            return connection
        self.pool.putconn(connection)
        self.pool.check()
        return super().get_new_connection(conn_params)


def _answers(connection: Connection[Any]) -> bool:
    try:
        connection.execute("")
    except Error:
        return False
    return True
