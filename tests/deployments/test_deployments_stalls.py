"""Whoever reads nothing of an answer holds a place on a replica that others share: for a time."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from deployments_cast import Server, make_ready, until
from fake_replica import HELLO

from console.asgi import application
from deployments import replicas
from deployments.models import Replica, Usage
from jobs.models import TunedModel

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def soon(settings) -> None:
    settings.TIMES = replace(settings.TIMES, stream_stall_seconds=0.3)


@pytest.fixture
def platform() -> Iterator[Server]:
    server = Server(application)
    yield server
    server.stop()


@pytest.fixture
def served(base, adapter, upstream) -> Replica:
    return make_ready(replicas.wake_shared(base_model=base, adapter=adapter), port=upstream.port)


@contextmanager
def asking(platform: Server, adapter: TunedModel, secret: str) -> Iterator[socket.socket]:
    """Ask for a stream by a connection that takes little at a time."""
    body = json.dumps({"model": adapter.name, "messages": HELLO, "stream": True}).encode()
    with socket.socket() as reader:
        reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        reader.connect(("127.0.0.1", platform.port))
        reader.sendall(
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {secret}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        yield reader


def test_a_reader_who_takes_nothing_is_cut_off(platform, adapter, served, engine, alice):
    engine.endless = engine.is_heavy = True
    with asking(platform, adapter, alice.secret):
        assert engine.was_left.wait(10)
        assert until(Usage.objects.first).outcome == "cancelled"
        until(lambda: not platform.connections)


def test_one_who_takes_little_but_steadily_is_not_until_he_stops(platform, adapter, served, engine, alice):
    engine.endless = engine.is_heavy = True
    with asking(platform, adapter, alice.secret) as reader:
        for _ in range(150):
            assert reader.recv(1000)
            assert not engine.was_left.wait(0.02), "he was cut off"
        assert engine.was_left.wait(10)
        assert until(Usage.objects.first).outcome == "cancelled"


def test_one_who_waits_for_a_slow_replica_is_not(platform, adapter, served, engine, alice):
    engine.pause = 0.6
    reply = httpx.post(
        f"{platform.url}/v1/chat/completions",
        json={"model": adapter.name, "messages": HELLO, "stream": True},
        headers={"authorization": f"Bearer {alice.secret}"},
        timeout=30,
    )
    assert reply.text.endswith("data: [DONE]\n\n")
    assert until(Usage.objects.first).outcome == "answered"
