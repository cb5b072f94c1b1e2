from collections.abc import Iterator

import pytest
from deployments_cast import Person, Server, make_adapter, make_base, make_person
from fake_replica import FakeReplica


@pytest.fixture
def alice(db) -> Person:
    return make_person("Alice")


@pytest.fixture
def bob(db) -> Person:
    return make_person("Bob")


@pytest.fixture
def base(db):
    return make_base()


@pytest.fixture
def adapter(alice, base):
    """A tuned model of Alice's team."""
    return make_adapter(alice.team, base)


@pytest.fixture
def engine() -> FakeReplica:
    return FakeReplica()


@pytest.fixture
def upstream(engine: FakeReplica) -> Iterator[Server]:
    server = Server(engine.application())
    yield server
    server.stop()
