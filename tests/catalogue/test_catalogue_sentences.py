"""What the catalogue says of a fetch that failed: for users too, so without folders and words of libraries."""

import json
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from catalogue import converting, downloading
from catalogue.conversion import gguf
from catalogue.models import BaseModel
from catalogue.package import PackageError, unpack
from catalogue.room import require_space
from catalogue.room import shutil as disks
from chat import ChatError, ChatFormat, TokenCache
from common.errors import UserError
from wording import as_written

pytestmark = pytest.mark.django_db


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> BaseModel:
    monkeypatch.setattr(settings, "LUTHIER_HOME", tmp_path / "home")
    return BaseModel.objects.create(
        id="tiny", display_name="Tiny", family="llama", parameters=1, context_length=64, hidden_size=8, num_layers=1,
        vocab_size=16, licence="none", template="own",
        sources=[{"kind": "huggingface", "repo": "owner/tiny", "revision": "main"}],
    )  # fmt: skip


def test_an_unforeseen_end_is_a_plain_sentence(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*_: Any, **__: Any) -> str:
        raise KeyError("/srv/luthier/secret")

    monkeypatch.setattr(downloading, "fetch", fall)
    with pytest.raises(KeyError):
        downloading.fetch_model(base=base)
    base.refresh_from_db()
    assert base.error == downloading.BROKE_OFF


def test_a_hub_that_is_away(base: BaseModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(settings.HUB_MIRRORS, "huggingface", "http://127.0.0.1:9")
    with pytest.raises(UserError):
        downloading.fetch_model(base=base)
    base.refresh_from_db()
    assert str(base.error) == "Hugging Face cannot be reached. Check the network, or HTTPS_PROXY."


def test_a_disk_without_room(base: BaseModel, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(disks, "disk_usage", lambda path: namedtuple("usage", "free")(free=1))
    with pytest.raises(UserError, match="LUTHIER_HOME has") as caught:
        require_space(tmp_path, 10**9)
    assert str(tmp_path) not in str(caught.value.message)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise KeyError('x')", "It failed. The server's log has the details."),
        ("sys.exit(3)", "It failed. The server's log has the details."),
        (
            "sys.exit('/srv/models/tiny cannot be converted: it is empty.')",
            "It failed: tiny cannot be converted: it is",
        ),
    ],
)
def test_a_process_that_failed(code: str, said: str) -> None:
    with pytest.raises(converting.ProcessFailed) as caught:
        converting.run_python(["-c", f"import sys; {code}"], 60, as_written("It failed"), code="failed")
    assert str(caught.value.message).startswith(said)


def test_a_package_and_a_gguf_file_that_are_damaged(tmp_path: Path) -> None:
    broken = tmp_path / "model.gguf"
    broken.write_bytes(b"GGUF\x03\0\0\0\x01")
    with pytest.raises(PackageError) as of_package:
        unpack(broken, "member", tmp_path / "out")
    assert str(of_package.value.message) == "model.gguf does not contain member."
    with pytest.raises(gguf.GGUFError) as of_gguf:
        gguf.GGUFFile(broken)
    assert str(of_gguf.value) == "model.gguf is damaged: its header cannot be read."


def test_chat_files_and_token_caches_are_named_without_their_folder(tmp_path: Path) -> None:
    folder = tmp_path / "tiny"
    folder.mkdir()
    with pytest.raises(ChatError, match=r"^tiny has no tokenizer\.json\.") as caught:
        ChatFormat.load(folder)
    (folder / "tokenizer.json").write_text("{}")
    for name, content in (("tokenizer_config.json", b"{"), ("tokenizer_config.json", b"[]"), ("config.json", b"{")):
        (folder / name).write_bytes(content)
        with pytest.raises(ChatError) as caught:
            ChatFormat.load(folder)
        assert str(tmp_path) not in str(caught.value)
        (folder / name).unlink()
    for content in (None, "{", json.dumps({"rows": -1})):
        if content is not None:
            (folder / "meta.json").write_text(content)
        with pytest.raises(ChatError) as caught:
            TokenCache.open(folder)
        assert str(tmp_path) not in str(caught.value)
