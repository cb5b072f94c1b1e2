"""Alice with a tuned model, Bob of another team, a replica that answers, and a home for files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from batch_makers import Person, Server, make_adapter, make_base, make_person, make_ready
from django.conf import settings
from django.core.files.storage import FileSystemStorage

from batches.running.driving import stopping
from datasets_app.storage import store
from deployments import replicas
from deployments.models import Replica
from jobs.models import TunedModel
from tests.deployments.fake_replica import FakeReplica


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setattr(settings, "LUTHIER_HOME", folder)
    stored = FileSystemStorage(folder / "storage")
    monkeypatch.setattr(store, "storage", lambda: stored)
    return folder


@pytest.fixture(autouse=True)
def going_on() -> None:
    """A test that tells Celery's workers to end has told the batches of this process so, too."""
    stopping.clear()


@pytest.fixture
def alice(db: None) -> Person:
    return make_person("Alice")


@pytest.fixture
def bob(db: None) -> Person:
    return make_person("Bob")


@pytest.fixture
def adapter(alice: Person) -> TunedModel:
    return make_adapter(alice.team, make_base())


@pytest.fixture
def engine() -> FakeReplica:
    return FakeReplica()


@pytest.fixture
def replica(adapter: TunedModel, engine: FakeReplica) -> Iterator[Replica]:
    """A shared replica that answers for Alice's tuned model."""
    server = Server(engine.application())
    yield make_ready(replicas.wake_shared(base_model=adapter.base_model, adapter=adapter), port=server.port)
    server.stop()
