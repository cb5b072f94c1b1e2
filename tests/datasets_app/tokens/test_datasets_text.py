"""Plain text as data: read, looked at, and put into windows for a continued pre-training."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from catalogue.models import BaseModel
from chat import ChatFormat, TokenCache
from common.errors import UserError
from datasets_app import services
from datasets_app.models import TrainingFile
from datasets_app.recipes.identity import IDENTITY
from datasets_app.tokens import caches, row_view, statistics
from tests.datasets_app.conftest import Member
from tests.datasets_app.dataset_makers import lines_of, rows, stored

pytestmark = pytest.mark.django_db

LINES = [f"Line {n}: a violin maker carves the top from spruce." for n in range(300)]
BOOK = "\n".join(LINES).encode()


@pytest.fixture
def base(db: None, chat: ChatFormat, monkeypatch: pytest.MonkeyPatch) -> BaseModel:
    for module in (statistics, row_view):
        monkeypatch.setattr(module, "chat_format", lambda base, system: chat)
    sizes = dict.fromkeys(("parameters", "hidden_size", "num_layers", "vocab_size"), 64)
    return BaseModel.objects.create(id="tiny", display_name="Tiny", context_length=4096, **sizes)


def made(file: TrainingFile, chat: ChatFormat, **values: Any) -> services.Tokens:
    asked = {"validation_file": None, "max_seq_len": 128, "data_split": "1,0,0", "validation_share": 0.0, "seed": 1}
    return services.ensure_tokens(file=file, chat=chat, **{**asked, **values})


def texts(folder: Path, chat: ChatFormat) -> list[str]:
    cache = TokenCache.open(folder)
    return [chat.decode(cache.row(index)[0].tolist()) for index in range(len(cache))]


class TestTokens:
    def test_the_lines_of_a_book_are_read_on_from_one_to_the_next(self, alice: Member, chat: ChatFormat) -> None:
        found = made(stored(alice.team, BOOK, "book.txt"), chat)
        windows = texts(found.train, chat)
        assert len(windows) < len(LINES)
        assert "".join(windows).split() == BOOK.decode().split()
        assert found.meta["train"]["trained_tokens"] == found.meta["train"]["tokens"] - len(windows)

    def test_documents_stay_apart(self, alice: Member, chat: ChatFormat) -> None:
        documents = [{"text": f"Document {n}. " + "word " * n} for n in range(40)]
        found = made(stored(alice.team, lines_of(*documents)), chat, max_seq_len=1000)
        assert [text.strip() for text in texts(found.train, chat)] == [d["text"].strip() for d in documents]

    def test_a_part_is_held_out(self, alice: Member, chat: ChatFormat) -> None:
        documents = [{"text": f"Document {n}."} for n in range(200)]
        file = stored(alice.team, lines_of(*documents))
        found = made(file, chat, validation_share=0.2)
        assert found.validation is not None
        assert 20 < len(texts(found.validation, chat)) < 60
        assert not set(texts(found.validation, chat)) & set(texts(found.train, chat))

    def test_many_processes_write_the_same_bytes(
        self, alice: Member, chat: ChatFormat, home: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        file = stored(alice.team, BOOK * 20, "book.txt")
        alone = {path.name: path.read_bytes() for path in made(file, chat).train.glob("*.bin")}
        (home / "tokens").rename(home / "old")
        monkeypatch.setattr(caches, "PARALLEL_BYTES", 0)
        monkeypatch.setattr(caches, "num_workers", lambda: 2)
        assert {path.name: path.read_bytes() for path in made(file, chat).train.glob("*.bin")} == alone

    def test_conversations_do_not_validate_text(self, alice: Member, chat: ChatFormat) -> None:
        text, talk = stored(alice.team, BOOK, "book.txt"), stored(alice.team, lines_of(*rows(20)))
        with pytest.raises(UserError, match="of two kinds"):
            made(text, chat, validation_file=talk)


class TestLooking:
    def test_a_text_is_shown_as_tokens_that_are_all_learned(self, alice: Member, base: BaseModel) -> None:
        file = stored(alice.team, BOOK, "book.txt")
        reply = Client().get(f"/api/v1/files/{file.pk}/rows/2/tokens?model=tiny", headers=alice.headers).json()
        assert "".join(token["text"] for token in reply["tokens"]).startswith("Line 2: a violin")
        assert [token["trained"] for token in reply["tokens"]][:3] == [False, True, True]

    def test_lengths_are_told(self, alice: Member, base: BaseModel) -> None:
        file = stored(alice.team, lines_of(*({"text": "word " * n} for n in range(1, 40))))
        found = services.token_statistics(file=file, base=base)
        assert found["rows"] == 39
        assert found["trained_tokens_per_epoch"] == found["tokens"] - 39

    @pytest.mark.usefixtures("plain_static")
    def test_the_page_offers_a_training(self, alice: Member, base: BaseModel, client: Client) -> None:
        file = stored(alice.team, BOOK, "book.txt")
        client.force_login(alice.user)
        assert f"/jobs/new?file={file.pk}" in client.get(f"/datasets/{file.pk}").content.decode()
        assert client.get(f"/datasets/{file.pk}?tab=learn").status_code == 200


def test_a_recipe_wants_conversations(alice: Member) -> None:
    file = stored(alice.team, BOOK, "book.txt")
    with pytest.raises(UserError, match="contains plain text"):
        services.recipe_file(team=alice.team, by=None, recipe=IDENTITY, answers={"name": "N", "maker": "M"}, file=file)
