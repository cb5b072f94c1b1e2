"""Two teams, a home of their own, a tiny base model that is present, and storage in the home."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from rest_framework.test import APIClient

from accounts.models import Team, User
from accounts.services import create_api_key
from catalogue import chat_formats
from catalogue.folders import identity
from catalogue.models import BaseModel
from common import artifacts
from datasets_app.storage import store
from jobs.estimates import situations
from jobs.models import FineTuningJob
from jobs.training.work import Training
from tests.jobs.job_makers import make_job, write_chat_files


@dataclass(frozen=True)
class Member:
    """Somebody with a key of one team."""

    user: User
    team: Team
    client: APIClient


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setattr(settings, "LUTHIER_HOME", folder)
    data, made = FileSystemStorage(folder / "storage" / "data"), FileSystemStorage(folder / "storage" / "artifacts")
    monkeypatch.setattr(store, "storage", lambda: data)
    monkeypatch.setattr(artifacts, "storage", lambda: made)
    chat_formats._load.cache_clear()
    situations._own_system_prompt.cache_clear()
    return folder


@pytest.fixture(scope="session")
def chat_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_chat_files(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def base(db: None, chat_folder: Path) -> BaseModel:
    return BaseModel.objects.create(
        id="tiny", display_name="Tiny", family="llama", parameters=134_000_000, context_length=512, hidden_size=576,
        num_layers=2, vocab_size=300, licence="none", template="own", state="present", sha256=identity(chat_folder),
        folder=str(chat_folder),
    )  # fmt: skip


def member(email: str, team: str) -> Member:
    secret = create_api_key(email=email, team_name=team)
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return Member(User.objects.get(email=email), Team.objects.get(name=team), client)


@pytest.fixture
def alice(base: BaseModel) -> Member:
    return member("alice@example.com", "Violins")


@pytest.fixture
def charlie(base: BaseModel) -> Member:
    """Of another team."""
    return member("charlie@example.com", "Cellos")


@pytest.fixture
def work() -> Training:
    return Training()


@pytest.fixture
def job(alice: Member) -> FineTuningJob:
    """Alice's, whose data is read."""
    return make_job(alice.team, by=alice.user, suffix="violin")
