"""Settings of the environment: a bad value stops the start with a sentence that gives no secret away."""

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from console import environment


class TestDatabase:
    @pytest.mark.parametrize(
        "url",
        ["mysql://luthier:s3cret@db/x", "luthier:s3cret@db", "postgresql://luthier:s3cret@db:port/x", "://:s3cret@"],
    )
    def test_a_bad_address_is_refused_without_its_password(self, url: str) -> None:
        with pytest.raises(ImproperlyConfigured, match="DATABASE_URL") as refused:
            environment.database(url)
        assert "s3cret" not in str(refused.value)

    def test_a_good_one_is_read(self) -> None:
        found = environment.database("postgresql://me:p%40ss@db.example:6543/luthier")
        assert (found["USER"], found["PASSWORD"], found["HOST"], found["PORT"]) == ("me", "p@ss", "db.example", "6543")


def test_by_default_no_foreign_name_is_answered() -> None:
    assert "*" not in settings.ALLOWED_HOSTS
    assert {"localhost", "127.0.0.1", "[::1]"} <= set(environment.own_names())
