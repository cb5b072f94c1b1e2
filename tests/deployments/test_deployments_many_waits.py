"""Many who wait for one sleeping model: they hold no thread each, and all are answered once it is awake."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from deployments_cast import Person, Server, make_ready, until
from fake_replica import HELLO

from console.asgi import application
from deployments.gateway.in_flight import THREADS, in_database
from deployments.gateway.waits import Waits
from deployments.models import Replica
from jobs.models import TunedModel

pytestmark = pytest.mark.django_db(transaction=True)
ASKING = 50
OTHERS = 4
"""Threads that may begin meanwhile and belong to no question: the event loop's, and the one of Django's signals."""


@pytest.fixture
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Those who have come as far as the wait for a replica."""
    found: list[Any] = []
    route_to = Waits.route_to

    async def noted(self: Waits, target: Any, *, deadline: float) -> Any:
        found.append(target)
        return await route_to(self, target, deadline=deadline)

    monkeypatch.setattr(Waits, "route_to", noted)
    return found


async def ask_all(address: str, person: Person, model: str, waiting: list[Any], wake: Any) -> tuple[int, list[int]]:
    """Return how many threads there were while all waited, and the status of each answer."""
    headers = {"authorization": f"Bearer {person.secret}"}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(headers=headers, limits=limits, timeout=60) as client:
        body = {"model": model, "messages": HELLO}
        asked = [asyncio.create_task(client.post(address, json=body)) for _ in range(ASKING)]
        async with asyncio.timeout(30):
            while len(waiting) < ASKING:
                await asyncio.sleep(0.01)
        threads = threading.active_count()
        await in_database(wake)
        return threads, [(await reply).status_code for reply in asked]


def test_hold_no_thread_each(
    platform: Server, alice: Person, adapter: TunedModel, upstream: Server, waiting: list[Any]
) -> None:
    before = threading.active_count()
    threads, answers = asyncio.run(
        ask_all(
            f"{platform.url}/v1/chat/completions",
            alice,
            adapter.name,
            waiting,
            lambda: make_ready(until(Replica.objects.first), port=upstream.port),
        )
    )
    assert answers == [200] * ASKING
    assert threads - before <= THREADS._max_workers + OTHERS
