"""The embedded PostgreSQL lets nobody in without its password, also in homes that older versions made."""

from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from console.embedded import RULES, Home, PostgreSQL


def connected(home: Home, **options: str) -> bool:
    try:
        psycopg.connect(host=str(home.sockets), user="luthier", dbname="luthier", connect_timeout=3, **options).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.usefixtures("embedded_servers")
class TestPassword:
    def test_is_asked_for(self) -> None:
        home = settings.EMBEDDED
        assert connected(home, password=home.database_password)
        assert not connected(home)
        assert not connected(home, password="luthier")

    def test_lies_in_the_home_for_its_owner_alone(self) -> None:
        home = settings.EMBEDDED
        (path,) = (
            path
            for path in home.root.iterdir()
            if path.is_file() and path.read_bytes() == home.database_password.encode()
        )
        assert path.stat().st_mode & 0o777 == 0o600
        assert home.database_password in home.database_url


def test_a_cluster_that_trusted_everybody_is_shut_and_keeps_what_it_has(tmp_path: Path) -> None:
    home = Home(tmp_path / "home", fsync="off")
    home.create()
    server = PostgreSQL(home)
    server.start()
    rules = home.database / "pg_hba.conf"
    try:
        with psycopg.connect(home.database_url) as connection:
            connection.execute("CREATE TABLE kept (n int)")
        server.stop()
        rules.write_text("local all all trust\n")
        server.start()
        assert rules.read_text() == RULES
        with psycopg.connect(home.database_url) as connection:
            assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
        assert not connected(home)
    finally:
        server.stop()
