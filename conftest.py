"""Real servers for the tests: one embedded PostgreSQL and one Valkey for the whole session, in a home of its own."""

import gc
import shutil
from collections.abc import Generator, Iterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings as django_settings
from xdist.scheduler import LoadFileScheduling

from common.times import Times
from console.embedded import Home, PostgreSQL, Valkey
from tests import answers
from tests.migrating import without_collector

SHARED = "tests/journeys/shared/"


class OneProcessForSharedPlatform(LoadFileScheduling):
    """Gives each file to one of the processes, and all files that share a platform to one, so that it starts once."""

    def _split_scope(self, nodeid: str) -> str:
        return SHARED if nodeid.startswith(SHARED) else super()._split_scope(nodeid)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    """Take the place of `--dist loadfile`."""
    return OneProcessForSharedPlatform(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Look for no garbage while modules and thousands of tests are made, which all stay, nor among them afterwards."""
    with without_collector():
        found = yield
        gc.freeze()
    return found


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef: pytest.FixtureDef[object]) -> Generator[None, object, object]:
    """Let the test database be migrated in less time."""
    with without_collector() if fixturedef.argname == "django_db_setup" else nullcontext():
        return (yield)


@pytest.fixture(scope="session")
def embedded_servers() -> Iterator[Home]:
    """Start PostgreSQL and Valkey; tests without a database never do."""
    home = django_settings.EMBEDDED
    home.create()
    servers = [PostgreSQL(home), Valkey(home)]
    for server in servers:
        server.start()
    yield home
    for server in servers:
        server.stop()
    shutil.rmtree(home.sockets, ignore_errors=True)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(embedded_servers: Home) -> None:
    """pytest-django asks for this before it makes the test database."""


@pytest.fixture(scope="session", autouse=True)
def patience_with_nodes() -> None:
    """Let a node that a test has made count as heard for as long as a test takes, however busy the machine is.

    A supervisor inside this process looks for events often: its tests wait for that, and have one Run.
    """
    times = replace(django_settings.TIMES, node_silent_seconds=Times.node_silent_seconds, tail_seconds=0.05)
    django_settings.TIMES = times


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> None:
    """Hash passwords without the rounds that make guessing dear: a fifth of a second each, in hundreds of tests."""
    django_settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def declared_answers() -> Iterator[list[str]]:
    """Fail a test whose client gets an answer of the API that its route does not declare."""
    with answers.watched() as faults:
        yield faults
    found, faults[:] = list(faults), []
    assert not found, "\n".join(found)


@pytest.fixture
def plain_static(settings: Any) -> None:
    """Let pages name their static files without `collectstatic`, which only a started platform has done."""
    plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}
