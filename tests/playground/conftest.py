"""Alice with a tuned model and its base, Bob of another team, replicas that answer, and a home for data sets."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage

from catalogue.models import BaseModel
from datasets_app.storage import store
from jobs.models import TunedModel
from tests.deployments.deployments_cast import Person, Server, make_adapter, make_base, make_person
from tests.deployments.fake_replica import FakeReplica


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setattr(settings, "LUTHIER_HOME", folder)
    stored = FileSystemStorage(folder / "storage")
    monkeypatch.setattr(store, "storage", lambda: stored)
    return folder


@pytest.fixture
def alice(db: None) -> Person:
    return make_person("Alice")


@pytest.fixture
def bob(db: None) -> Person:
    return make_person("Bob")


@pytest.fixture
def base(db: None) -> BaseModel:
    return make_base()


@pytest.fixture
def adapter(alice: Person, base: BaseModel) -> TunedModel:
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
