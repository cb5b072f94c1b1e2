"""The web process keeps its connections to the database from one request to the next, and bears that they break."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.journeys.database import PlatformDatabase
from tests.journeys.harness import RunningPlatform

pytestmark = [pytest.mark.system]
KEPT = """
SELECT pid, backend_start FROM pg_stat_activity
WHERE application_name = 'luthier-web' AND datname = current_database() ORDER BY pid
"""
BROKEN = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'luthier-web'"
MOST = 40


@pytest.fixture
def database(shared_platform: RunningPlatform) -> Iterator[PlatformDatabase]:
    found = PlatformDatabase(shared_platform.home)
    yield found
    found.close()


@pytest.fixture
def client(shared_platform: RunningPlatform) -> openai.OpenAI:
    return shared_platform.client(shared_platform.api_key()).with_options(max_retries=0)


def test_requests_after_one_another_make_none(client: openai.OpenAI, database: PlatformDatabase) -> None:
    client.files.list()
    before = {row["pid"] for row in database.rows(KEPT)}
    for _ in range(10):
        client.files.list()
    after = {row["pid"] for row in database.rows(KEPT)}
    assert before
    assert not after - before


def test_many_at_once_are_all_answered_within_the_bound(client: openai.OpenAI, database: PlatformDatabase) -> None:
    with ThreadPoolExecutor(60) as threads:
        found = list(threads.map(lambda _: client.files.list(limit=1), range(180)))
    assert len(found) == 180
    assert 0 < len(database.rows(KEPT)) <= MOST


def test_a_request_after_all_have_broken_is_answered(client: openai.OpenAI, database: PlatformDatabase) -> None:
    client.files.list()
    assert database.rows(BROKEN)
    assert client.files.list() is not None
