"""Settings of the environment: a bad value stops the start with a sentence that gives no secret away."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from console import environment

NAME = "OF_A_TEST"
Read = Callable[[], Any]


def number() -> float:
    return environment.number(NAME, 7, at_least=1)


def flag() -> bool:
    return environment.flag(NAME, True)


def choice() -> str:
    return environment.choice(NAME, ("first", "second"))


def networks() -> list[str]:
    return [str(network) for network in environment.networks(NAME)]


@pytest.mark.parametrize(
    ("read", "value", "expected"),
    [
        (number, "", 7), (number, "1", 1), (number, " 2.5 ", 2.5), (number, "1e3", 1000),
        (flag, "", True), (flag, "Yes", True), (flag, "0", False), (flag, " off ", False),
        (choice, "", "first"), (choice, "SECOND", "second"),
        (networks, "", []), (networks, "10.0.0.0/8, ::1", ["10.0.0.0/8", "::1/128"]),
    ],
)  # fmt: skip
def test_is_read(monkeypatch: pytest.MonkeyPatch, read: Read, value: str, expected: Any) -> None:
    monkeypatch.setenv(NAME, value)
    assert read() == expected


@pytest.mark.parametrize("read", [number, flag, choice, networks])
def test_what_is_not_set_is_as_if_nothing_were_written(monkeypatch: pytest.MonkeyPatch, read: Read) -> None:
    monkeypatch.delenv(NAME, raising=False)
    unset = read()
    monkeypatch.setenv(NAME, "")
    assert read() == unset


@pytest.mark.parametrize(
    ("read", "value", "accepted"),
    [
        (number, "many", "a number of at least 1"), (number, "0.5", "at least 1"), (number, "nan", "at least 1"),
        (number, "inf", "at least 1"), (number, "1e999", "at least 1"),
        (flag, "2", "1 or 0"), (flag, "ja", "1 or 0"),
        (choice, "third", "one of: first, second"),
        (networks, "10.0.0.1/8", "networks such as 10.0.0.0/8"), (networks, "localhost", "networks such as 10.0.0.0/8"),
    ],
)  # fmt: skip
def test_is_refused_in_words(monkeypatch: pytest.MonkeyPatch, read: Read, value: str, accepted: str) -> None:
    monkeypatch.setenv(NAME, value)
    with pytest.raises(ImproperlyConfigured) as refused:
        read()
    assert NAME in str(refused.value)
    assert repr(value) in str(refused.value)
    assert accepted in str(refused.value)


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


@pytest.mark.parametrize(("name", "value"), [("LUTHIER_LOG_LEVEL", "loud"), ("LUTHIER_S3_ADDRESSING", "postal")])
def test_a_closed_list_stops_the_start_with_what_it_holds(tmp_path: Path, name: str, value: str) -> None:
    environ = {**os.environ, "LUTHIER_HOME": str(tmp_path), "LUTHIER_S3_BUCKET": "b", name: value}
    command = [sys.executable, "manage.py", "check"]
    done = subprocess.run(command, env=environ, cwd=settings.BASE_DIR, capture_output=True, text=True)
    assert done.returncode != 0
    assert f"{name} is '{value}'. It must be one of: " in done.stderr
