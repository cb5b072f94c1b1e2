"""Two teams, a home of their own for what is stored, and a small tokenizer."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.test import Client
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from accounts.models import Team, User
from accounts.services import create_api_key
from chat import ChatFormat
from datasets_app import hooks
from datasets_app.storage import new_files, store


@dataclass(frozen=True)
class Member:
    """Somebody with a key of one team."""

    user: User
    team: Team
    secret: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.secret}"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    monkeypatch.setattr(settings, "LUTHIER_HOME", folder)
    stored = FileSystemStorage(folder / "storage")
    monkeypatch.setattr(store, "storage", lambda: stored)
    return folder


@pytest.fixture(autouse=True)
def no_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep other apps' guards and listeners out of these tests."""
    monkeypatch.setattr(hooks, "_guards", [])
    monkeypatch.setattr(hooks, "_listeners", [])


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of files that a worker was asked to check."""
    ids: list[str] = []
    monkeypatch.setattr(new_files, "wake", lambda task, file_id: ids.append(file_id))
    return ids


def _member(email: str, team: str) -> Member:
    secret = create_api_key(email=email, team_name=team)
    return Member(User.objects.get(email=email), Team.objects.get(name=team), secret)


@pytest.fixture
def alice(db: None) -> Member:
    return _member("alice@example.com", "A")


@pytest.fixture
def charlie(db: None) -> Member:
    """Of another team."""
    return _member("charlie@example.com", "C")


@pytest.fixture
def page(alice: Member) -> Client:
    """A browser in which Alice is signed in."""
    client = Client()
    client.force_login(alice.user)
    return client


@pytest.fixture(scope="session")
def chat(tmp_path_factory: pytest.TempPathFactory) -> ChatFormat:
    return ChatFormat.load(write_chat_files(tmp_path_factory.mktemp("chat")))


def write_chat_files(folder: Path) -> Path:
    """Make a byte-level tokenizer with ChatML's tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["Question answer who are you"], trainer)
    tokenizer.save(str(folder / "tokenizer.json"))
    config: dict[str, Any] = {"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def stored_files(home: Path) -> list[Path]:
    """Return all that lies in storage or on its way there."""
    return [path for name in ("storage", "tmp") for path in (home / name).rglob("*") if path.is_file()]
